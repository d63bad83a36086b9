// SPDX-License-Identifier: MIT
// The constants that bring a channel to mean 0 and variance 1.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace dropmuon {

struct Normalization {
  std::vector<float> mean;         // per channel, in [0, 1]
  std::vector<float> inverse_std;  // 1 / standard deviation; 1 if all pixels are equal
  bool operator==(const Normalization&) const = default;
};

// Over all pixels of images (..., C). Sums are exact integers, so the result does not depend on
// the order of the images.
Normalization measure_normalization(std::span<const std::uint8_t> images, int channels);

}  // namespace dropmuon
