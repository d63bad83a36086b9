// SPDX-License-Identifier: MIT
#include "conv_block.h"

#include <dropmuon/core/error.h>

namespace dropmuon {
namespace {

// Outputs that fill no pooling window need not be computed.
Conv2dShape used_part(const ConvBlockShape& shape) {
  Conv2dShape conv = shape.conv;
  conv.used_height = conv.input.height / shape.pool * shape.pool;
  conv.used_width = conv.input.width / shape.pool * shape.pool;
  return conv;
}

}  // namespace

ConvBlock::ConvBlock(Backend& backend, const ConvBlockShape& shape)
    : backend_(backend),
      shape_(shape),
      conv_(backend.make_conv2d(used_part(shape))),
      storage_(backend) {
  const Conv2dShape& conv = shape.conv;
  storage_.add("weight", ParamKind::filter,
               {conv.out_channels, conv.kernel, conv.kernel, conv.input.channels});
  storage_.add("bias", ParamKind::vector, {conv.out_channels});
}

Shape ConvBlock::input_shape() const {
  const ImageShape& in = shape_.conv.input;
  return {in.height, in.width, in.channels};
}

Shape ConvBlock::output_shape() const {
  const ImageShape& in = shape_.conv.input;
  return {in.height / shape_.pool, in.width / shape_.pool, shape_.conv.out_channels};
}

std::size_t ConvBlock::scratch_floats(int n) const {
  return static_cast<std::size_t>(n) * conv_->output().size();
}

void ConvBlock::prepare(int n, float* scratch) {
  conv_->prepare(n);
  scratch_ = scratch;
  const std::size_t outputs = static_cast<std::size_t>(n) * output_shape().size();
  if (winner_.size() < outputs) winner_ = Buffer<std::uint8_t>(backend_, outputs);
}

void ConvBlock::forward_impl(Pass pass, int n, const float* x, float* y) {
  conv_->forward(n, x, scratch_);
  backend_.bias_relu_pool_forward({.n = n,
                                   .conv_shape = conv_->output(),
                                   .pool = shape_.pool,
                                   .conv = scratch_,
                                   .bias = storage_[1].value,
                                   .out = y,
                                   .winner = pass == Pass::training ? winner_.data() : nullptr});
}

void ConvBlock::backward_impl(int n, const float* x, float* dy, float* dx,
                              std::optional<GradMode> param_grads) {
  backend_.bias_relu_pool_backward({.n = n,
                                    .conv_shape = conv_->output(),
                                    .pool = shape_.pool,
                                    .dout = dy,
                                    .winner = winner_.data(),
                                    .dconv = scratch_,
                                    .dbias = param_grads ? storage_[1].grad : nullptr,
                                    .mode = param_grads.value_or(GradMode::overwrite)});
  if (param_grads) conv_->backward_filter(n, x, scratch_, *param_grads);
  if (dx != nullptr) conv_->backward_input(n, scratch_, dx);
}

void ConvBlock::finish_gradients() { conv_->store_filter_gradient(storage_[0].grad); }

void ConvBlock::params_changed() { conv_->load_filter(storage_[0].value); }

LayerCost ConvBlock::cost() const {
  const Conv2dShape& conv = shape_.conv;
  const double per_output = 2.0 * conv.kernel * conv.kernel * conv.input.channels;
  const double outputs =
      static_cast<double>(conv.input.height) * conv.input.width * conv.out_channels;
  const double flops = per_output * outputs;
  const double computed = per_output * static_cast<double>(conv_->output().size());
  const double input_bytes = static_cast<double>(conv.input.size() * sizeof(float));
  const double winner_bytes = static_cast<double>(output_shape().size());
  return {.forward_flops = flops,
          .filter_gradient_flops = flops,
          .data_gradient_flops = flops,
          .skipped_flops = flops - computed,
          .filter_bytes = static_cast<double>(storage_[0].size() * sizeof(float)),
          .saved_bytes = input_bytes + winner_bytes};
}

}  // namespace dropmuon
