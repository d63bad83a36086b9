// SPDX-License-Identifier: MIT
// Shapes and non-owning views of dense fp32 tensors, row-major, last axis contiguous.
#pragma once

#include <array>
#include <cstddef>
#include <initializer_list>
#include <string>

#include <dropmuon/ops/image_shape.h>

namespace dropmuon {

// Up to four axes. Activations are (N, H, W, C), filters (O, H, W, I), matrices (out, in).
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<int> axes);

  int rank() const { return rank_; }
  int operator[](int axis) const { return axes_[static_cast<std::size_t>(axis)]; }
  std::size_t size() const;  // product of the axes; 1 for rank 0
  std::string text() const;  // "(64, 3, 3, 1)"
  bool operator==(const Shape&) const = default;

 private:
  std::array<int, 4> axes_{};
  int rank_ = 0;
};

// A borrowed tensor. The memory belongs to the backend's device.
struct TensorView {
  float* data = nullptr;
  Shape shape;
  std::size_t size() const { return shape.size(); }
};

struct ConstTensorView {
  const float* data = nullptr;
  Shape shape;
  ConstTensorView() = default;
  ConstTensorView(const float* values, const Shape& s) : data(values), shape(s) {}
  ConstTensorView(const TensorView& view) : data(view.data), shape(view.shape) {}
  std::size_t size() const { return shape.size(); }
};

}  // namespace dropmuon
