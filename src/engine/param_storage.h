// SPDX-License-Identifier: MIT
// The memory behind a layer's parameters.
#pragma once

#include <string>
#include <vector>

#include <dropmuon/backend/buffer.h>
#include <dropmuon/core/param.h>

namespace dropmuon {

// Owns value and gradient of each parameter; both start at zero.
class ParamStorage {
 public:
  explicit ParamStorage(Backend& backend) : backend_(backend) {}

  void add(const std::string& name, ParamKind kind, const Shape& shape) {
    for (int part = 0; part < 2; ++part) {
      buffers_.emplace_back(backend_, shape.size());
      buffers_.back().zero();
    }
    params_.push_back({.name = name,
                       .kind = kind,
                       .shape = shape,
                       .value = buffers_[buffers_.size() - 2].data(),
                       .grad = buffers_.back().data()});
  }
  std::vector<Param>& params() { return params_; }
  const Param& operator[](std::size_t i) const { return params_[i]; }

 private:
  Backend& backend_;
  std::vector<Buffer<float>> buffers_;
  std::vector<Param> params_;
};

}  // namespace dropmuon
