// SPDX-License-Identifier: MIT
// The pieces that the optimizers share: state tensors and the values that change every step.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <dropmuon/backend/buffer.h>
#include <dropmuon/core/param.h>
#include <dropmuon/optim/optimizer.h>

namespace dropmuon {

// One fp32 tensor of each parameter's size, zero at first, in a single piece of device memory.
class ParameterState {
 public:
  ParameterState(Backend& backend, std::span<const Param> params);

  float* of(std::size_t param) const { return buffer_.data() + offsets_[param]; }

  // Adds "<parameter>.<name>" for each parameter.
  void describe(std::span<const Param> params, std::string_view name,
                std::vector<StateTensor>& out) const;

 private:
  std::vector<std::size_t> offsets_;
  Buffer<float> buffer_;
};

// Learning rate and weight decay of the coming step in device memory.
class StepScalars {
 public:
  StepScalars(Backend& backend, double weight_decay);
  void set(double lr);
  const float* learning_rate() const { return values_.data(); }
  const float* keep() const { return weight_decay_ == 0.0 ? nullptr : values_.data() + 1; }

 private:
  double weight_decay_;
  Buffer<float> values_;
};

}  // namespace dropmuon
