// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>

#include "catch.h"
#include <dropmuon/core/random.h>
#include <dropmuon/dataset/normalization.h>

using namespace dropmuon;

namespace {

// Two passes in long double, straight from the definition.
std::pair<double, double> naive(const std::vector<std::uint8_t>& images, int channels,
                                int channel) {
  long double sum = 0.0L;
  long double count = 0.0L;
  const auto stride = static_cast<std::size_t>(channels);
  for (auto i = static_cast<std::size_t>(channel); i < images.size(); i += stride) {
    sum += images[i] / 255.0L;
    count += 1.0L;
  }
  const long double mean = sum / count;
  long double squares = 0.0L;
  for (auto i = static_cast<std::size_t>(channel); i < images.size(); i += stride) {
    squares += (images[i] / 255.0L - mean) * (images[i] / 255.0L - mean);
  }
  return {static_cast<double>(mean), static_cast<double>(1.0L / std::sqrt(squares / count))};
}

std::vector<std::uint8_t> random_bytes(std::size_t size, std::uint32_t low, std::uint32_t values) {
  Random random(5, Purpose::synthetic_data, 77);
  std::vector<std::uint8_t> bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(low + random.below(values));
  return bytes;
}

}  // namespace

TEST_CASE("normalisation constants agree with their definition") {
  for (const int channels : {1, 2, 3, 5}) {
    for (const std::uint32_t values : {2U, 3U, 101U, 256U}) {
      const auto images = random_bytes(static_cast<std::size_t>(channels) * 7 * 11 * 13, 0, values);
      const Normalization found = measure_normalization(images, channels);
      REQUIRE(found.mean.size() == static_cast<std::size_t>(channels));
      for (int c = 0; c < channels; ++c) {
        const auto [mean, inverse_std] = naive(images, channels, c);
        CAPTURE(channels, values, c);
        CHECK(found.mean[static_cast<std::size_t>(c)] == Approx(mean).epsilon(1e-7));
        CHECK(found.inverse_std[static_cast<std::size_t>(c)] == Approx(inverse_std).epsilon(1e-7));
      }
    }
  }
}

TEST_CASE("a tiny variance far from zero is not lost to rounding") {
  std::vector<std::uint8_t> images(1'000'001, 254);
  images[12345] = 255;
  const auto [mean, inverse_std] = naive(images, 1, 0);
  const Normalization found = measure_normalization(images, 1);
  CHECK(found.mean[0] == Approx(mean).epsilon(1e-7));
  CHECK(found.inverse_std[0] == Approx(inverse_std).epsilon(1e-6));
}

TEST_CASE("a constant channel gets the factor 1") {
  const Normalization found = measure_normalization(std::vector<std::uint8_t>(99, 51), 3);
  CHECK(found.mean == std::vector<float>{0.2F, 0.2F, 0.2F});
  CHECK(found.inverse_std == std::vector<float>{1.0F, 1.0F, 1.0F});
}

TEST_CASE("normalisation does not depend on the order of the images") {
  auto images = random_bytes(3000, 3, 200);
  const Normalization before = measure_normalization(images, 1);
  std::reverse(images.begin(), images.end());
  CHECK(measure_normalization(images, 1).mean == before.mean);
  CHECK(measure_normalization(images, 1).inverse_std == before.inverse_std);
}
