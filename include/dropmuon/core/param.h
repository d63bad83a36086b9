// SPDX-License-Identifier: MIT
// A trainable tensor as the engine owns it and the optimizers move it.
#pragma once

#include <string>

#include <dropmuon/core/shape.h>

namespace dropmuon {

// Decides which norm an optimizer uses: filter = convolution weights, matrix = linear weights,
// vector = bias or gain.
enum class ParamKind { filter, matrix, vector };

// value and grad live on the backend's device and have the same shape. A filter (O, H, W, I) is
// already the matrix rows() x cols() = O x (H*W*I) that Newton-Schulz works on.
struct Param {
  std::string name;  // "layers.2.weight"
  ParamKind kind = ParamKind::vector;
  int layer = 0;  // 0-based index of the layer that owns it
  Shape shape;
  float* value = nullptr;
  float* grad = nullptr;

  std::size_t size() const { return shape.size(); }
  int rows() const { return shape[0]; }
  int cols() const { return static_cast<int>(size()) / shape[0]; }
};

}  // namespace dropmuon
