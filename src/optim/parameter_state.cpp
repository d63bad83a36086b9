// SPDX-License-Identifier: MIT
#include "parameter_state.h"

#include <array>

#include <dropmuon/core/error.h>

namespace dropmuon {
namespace {

constexpr std::size_t kAlign = 16;  // floats in a cache line: no two parameters share one

std::size_t aligned(std::size_t count) { return (count + kAlign - 1) / kAlign * kAlign; }

std::size_t total_size(std::span<const Param> params) {
  std::size_t total = 0;
  for (const Param& param : params) total += aligned(param.size());
  return total;
}

}  // namespace

ParameterState::ParameterState(Backend& backend, std::span<const Param> params)
    : buffer_(backend, total_size(params)) {
  std::size_t offset = 0;
  for (const Param& param : params) {
    offsets_.push_back(offset);
    offset += aligned(param.size());
  }
  buffer_.zero();
}

void ParameterState::describe(std::span<const Param> params, std::string_view name,
                              std::vector<StateTensor>& out) const {
  for (std::size_t i = 0; i < params.size(); ++i) {
    out.push_back({fmt::format("{}.{}", params[i].name, name), of(i), params[i].size()});
  }
}

StepScalars::StepScalars(Backend& backend, double weight_decay)
    : weight_decay_(weight_decay), values_(backend, 2) {
  set(0.0);
}

void StepScalars::set(double lr) {
  const std::array<float, 2> values = {static_cast<float>(lr),
                                       static_cast<float>(1.0 - lr * weight_decay_)};
  values_.upload(values.data());
}

}  // namespace dropmuon
