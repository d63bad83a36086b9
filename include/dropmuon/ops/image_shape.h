// SPDX-License-Identifier: MIT
// Height, width and channels of one image or feature map.
#pragma once

#include <cstddef>

namespace dropmuon {

struct ImageShape {
  int height = 0;
  int width = 0;
  int channels = 0;
  std::size_t size() const { return static_cast<std::size_t>(height) * width * channels; }
  bool operator==(const ImageShape&) const = default;
};

}  // namespace dropmuon
