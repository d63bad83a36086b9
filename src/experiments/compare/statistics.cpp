// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>

#include <dropmuon/core/error.h>
#include <dropmuon/experiments/compare_statistics.h>

namespace dropmuon {
namespace {

constexpr std::size_t kResamples = 10'000;
constexpr std::size_t kTail = kResamples / 40;  // 2.5 % at either end
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Draws with replacement. Every statistic starts a new one, so no result depends on another.
class Resampler {
 public:
  std::size_t below(std::size_t bound) {
    return static_cast<std::size_t>(((engine_() >> 32U) * bound) >> 32U);
  }

 private:
  std::mt19937_64 engine_{251002239};
};

double smallest(std::vector<double>& values, std::size_t rank) {
  const auto place = values.begin() + static_cast<std::ptrdiff_t>(rank - 1);
  std::nth_element(values.begin(), place, values.end());
  return *place;
}

Interval percentiles(std::vector<double>& for_low, std::vector<double>& for_high) {
  return {.low = smallest(for_low, kTail), .high = smallest(for_high, kResamples - kTail)};
}

// NaN, and so no ratio, for inf / inf and 0 / 0.
double ratio(double numerator, double denominator) { return numerator / denominator; }

}  // namespace

Spread spread(std::span<const double> values) {
  DM_CHECK(!values.empty(), "no values");
  const auto n = static_cast<double>(values.size());
  double sum = 0.0;
  for (const double value : values) sum += value;
  Spread result{.mean = sum / n, .deviation = std::nullopt};
  if (values.size() < 2) return result;
  double squares = 0.0;
  for (const double value : values) squares += (value - result.mean) * (value - result.mean);
  result.deviation = std::sqrt(squares / (n - 1.0));
  return result;
}

std::optional<Interval> median_interval(std::span<const double> values) {
  if (values.size() < 2) return std::nullopt;
  Resampler resampler;
  std::vector<double> drawn(values.size());
  std::vector<double> medians(kResamples);
  for (double& result : medians) {
    for (double& value : drawn) value = values[resampler.below(values.size())];
    result = median_in_place(drawn);
  }
  return percentiles(medians, medians);
}

std::optional<double> median_ratio(std::span<const double> group,
                                   std::span<const double> baseline) {
  const double value = ratio(median(group), median(baseline));
  return std::isnan(value) ? std::nullopt : std::optional(value);
}

std::optional<Interval> median_ratio_interval(std::span<const double> group,
                                              std::span<const double> baseline, Pairing pairing) {
  if (group.size() < 2 || baseline.size() < 2) return std::nullopt;
  const bool paired = pairing == Pairing::by_seed;
  DM_CHECK(!paired || group.size() == baseline.size(), "pairs of unequal groups");
  Resampler resampler;
  std::vector<double> upper(group.size());
  std::vector<double> lower(baseline.size());
  std::vector<double> for_low(kResamples);
  std::vector<double> for_high(kResamples);
  for (std::size_t i = 0; i < kResamples; ++i) {
    for (std::size_t j = 0; j < upper.size(); ++j) {
      const std::size_t drawn = resampler.below(group.size());
      upper[j] = group[drawn];
      if (paired) lower[j] = baseline[drawn];
    }
    for (std::size_t j = 0; !paired && j < lower.size(); ++j) {
      lower[j] = baseline[resampler.below(baseline.size())];
    }
    const double value = ratio(median_in_place(upper), median_in_place(lower));
    for_low[i] = std::isnan(value) ? 0.0 : value;
    for_high[i] = std::isnan(value) ? kInfinity : value;
  }
  return percentiles(for_low, for_high);
}

std::vector<std::size_t> outliers(std::span<const double> values) {
  constexpr double kLimit = 14.826;
  std::vector<std::size_t> found;
  if (values.empty()) return found;
  const double center = median(values);
  std::vector<double> distances;
  for (const double value : values) distances.push_back(std::abs(value - center));
  const double mad = median(distances);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (distances[i] > kLimit * mad) found.push_back(i);
  }
  return found;
}

}  // namespace dropmuon
