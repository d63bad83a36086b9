// SPDX-License-Identifier: MIT
// The statistics of `dropmuon compare`. Values are costs, such as seconds to a target: finite, or
// infinity for a run that missed it, which takes part like any other value.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include <dropmuon/core/statistics.h>

namespace dropmuon {

struct Interval {
  double low = 0.0;
  double high = 0.0;
};

struct Spread {
  double mean = 0.0;                // sum / n
  std::optional<double> deviation;  // sqrt(sum (x - mean)^2 / (n - 1)); none for one value
};
Spread spread(std::span<const double> values);

// 95 % percentile bootstrap: of 10,000 resamples of n values with replacement, drawn by a generator
// that always starts the same, the 250th and the 9,750th smallest median. None for n < 2.
std::optional<Interval> median_interval(std::span<const double> values);

// median(group) / median(baseline). None where that is inf / inf or 0 / 0.
std::optional<double> median_ratio(std::span<const double> group, std::span<const double> baseline);

// by_seed: values of equal index belong together, and a resample draws pairs.
enum class Pairing { independent, by_seed };

// The same bootstrap for the ratio. A resample without a ratio (inf / inf, 0 / 0) counts as 0 for
// the lower end and as infinity for the upper one. None if either side has fewer than two values.
std::optional<Interval> median_ratio_interval(std::span<const double> group,
                                              std::span<const double> baseline, Pairing pairing);

// Indices of values with |x - median| / MAD > 14.826, where MAD is the median of |x - median|; with
// MAD = 0, of all that differ from the median. Values are finite. 14.826 is ten standard deviations
// of normal data.
std::vector<std::size_t> outliers(std::span<const double> values);

}  // namespace dropmuon
