// SPDX-License-Identifier: MIT
#include "linear.h"

namespace dropmuon {

Linear::Linear(Backend& backend, const LinearShape& shape)
    : backend_(backend), shape_(shape), storage_(backend) {
  storage_.add("weight", ParamKind::matrix, {shape.outputs, features()});
  storage_.add("bias", ParamKind::vector, {shape.outputs});
}

int Linear::features() const {
  return shape_.head_input == HeadInput::average_pool ? shape_.input.channels
                                                      : static_cast<int>(shape_.input.size());
}

Shape Linear::input_shape() const {
  return {shape_.input.height, shape_.input.width, shape_.input.channels};
}

std::size_t Linear::scratch_floats(int n) const {
  return shape_.head_input == HeadInput::average_pool ? static_cast<std::size_t>(n) * features()
                                                      : 0;
}

void Linear::prepare(int n, float* scratch) {
  scratch_ = scratch;
  const std::size_t pooled = scratch_floats(n);
  if (pooled_.size() < pooled) pooled_ = Buffer<float>(backend_, pooled);
}

void Linear::forward_impl(Pass /*pass*/, int n, const float* x, float* y) {
  const bool average = shape_.head_input == HeadInput::average_pool;
  if (average) {
    backend_.average_pool_forward(
        {.n = n, .shape = shape_.input, .image = const_cast<float*>(x), .pooled = pooled_.data()});
  }
  backend_.matmul({.m = n,
                   .n = shape_.outputs,
                   .k = features(),
                   .a = average ? pooled_.data() : x,
                   .b = storage_[0].value,
                   .c = y,
                   .transpose_b = Transpose::yes});
  backend_.add_bias({.n = n, .features = shape_.outputs, .bias = storage_[1].value, .y = y});
}

void Linear::backward_impl(int n, const float* x, float* dy, float* dx,
                           std::optional<GradMode> param_grads) {
  const bool average = shape_.head_input == HeadInput::average_pool;
  if (param_grads) {
    backend_.matmul({.m = shape_.outputs,
                     .n = features(),
                     .k = n,
                     .a = dy,
                     .b = average ? pooled_.data() : x,
                     .c = storage_[0].grad,
                     .transpose_a = Transpose::yes,
                     .mode = *param_grads});
    backend_.bias_gradient({.n = n,
                            .features = shape_.outputs,
                            .dy = dy,
                            .dbias = storage_[1].grad,
                            .mode = *param_grads});
  }
  if (dx == nullptr) return;
  backend_.matmul({.m = n,
                   .n = features(),
                   .k = shape_.outputs,
                   .a = dy,
                   .b = storage_[0].value,
                   .c = average ? scratch_ : dx});
  if (average) {
    backend_.average_pool_backward(
        {.n = n, .shape = shape_.input, .image = dx, .pooled = scratch_});
  }
}

LayerCost Linear::cost() const {
  const double flops = 2.0 * features() * shape_.outputs;
  const double input_bytes = static_cast<double>(features()) * sizeof(float);
  return {.forward_flops = flops,
          .filter_gradient_flops = flops,
          .data_gradient_flops = flops,
          .saved_bytes = input_bytes};
}

}  // namespace dropmuon
