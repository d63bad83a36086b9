// SPDX-License-Identifier: MIT
#include <array>
#include <cmath>

#include <dropmuon/core/error.h>
#include <dropmuon/dataset/normalization.h>

namespace dropmuon {
namespace {

constexpr double kWhite = 255.0;

struct Moments {
  double mean;
  double variance;
};

// Sums are taken around an integer next to the mean: they stay exact, and nothing cancels.
Moments moments_of(const std::array<std::int64_t, 256>& histogram) {
  std::int64_t count = 0;
  std::int64_t sum = 0;
  for (std::size_t v = 0; v < histogram.size(); ++v) {
    count += histogram[v];
    sum += histogram[v] * static_cast<std::int64_t>(v);
  }
  const std::int64_t centre = (sum + count / 2) / count;
  std::int64_t first = 0;
  std::int64_t second = 0;
  for (std::size_t v = 0; v < histogram.size(); ++v) {
    const std::int64_t distance = static_cast<std::int64_t>(v) - centre;
    first += histogram[v] * distance;
    second += histogram[v] * distance * distance;
  }
  const double n = static_cast<double>(count);
  const double shift = static_cast<double>(first) / n;
  return {static_cast<double>(centre) + shift, static_cast<double>(second) / n - shift * shift};
}

}  // namespace

Normalization measure_normalization(std::span<const std::uint8_t> images, int channels) {
  DM_CHECK(
      channels > 0 && !images.empty() && images.size() % static_cast<std::size_t>(channels) == 0,
      "{} pixels do not make whole images of {} channels", images.size(), channels);
  const auto stride = static_cast<std::size_t>(channels);
  std::vector<std::array<std::int64_t, 256>> histograms(stride);
  for (std::size_t i = 0; i < images.size(); i += stride) {
    for (std::size_t c = 0; c < stride; ++c) ++histograms[c][images[i + c]];
  }
  Normalization out;
  for (const auto& histogram : histograms) {
    const Moments moments = moments_of(histogram);
    const double deviation = std::sqrt(moments.variance) / kWhite;
    out.mean.push_back(static_cast<float>(moments.mean / kWhite));
    out.inverse_std.push_back(moments.variance > 0.0 ? static_cast<float>(1.0 / deviation) : 1.0F);
  }
  return out;
}

}  // namespace dropmuon
