// SPDX-License-Identifier: MIT
#include <dropmuon/core/error.h>
#include <dropmuon/core/shape.h>

namespace dropmuon {

Shape::Shape(std::initializer_list<int> axes) {
  DM_CHECK(axes.size() <= axes_.size(), "a shape has at most four axes, not {}", axes.size());
  for (const int axis : axes) {
    DM_CHECK(axis > 0, "axis {} of a shape must be positive, not {}", rank_, axis);
    axes_[static_cast<std::size_t>(rank_++)] = axis;
  }
}

std::size_t Shape::size() const {
  std::size_t product = 1;
  for (int i = 0; i < rank_; ++i) product *= static_cast<std::size_t>((*this)[i]);
  return product;
}

std::string Shape::text() const {
  std::string out = "(";
  for (int i = 0; i < rank_; ++i) out += fmt::format("{}{}", i == 0 ? "" : ", ", (*this)[i]);
  return out + ")";
}

}  // namespace dropmuon
