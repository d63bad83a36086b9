// SPDX-License-Identifier: MIT
// Convolution -> bias -> ReLU -> max-pool, as one layer.
#pragma once

#include "param_storage.h"
#include <dropmuon/engine/layer.h>

namespace dropmuon {

struct ConvBlockShape {
  Conv2dShape conv;
  int pool = 1;
};

// Between forward and backward only one byte per output is kept (which input of the pooling window
// won); the convolution's own output lives in shared scratch and is never saved.
class ConvBlock final : public Layer {
 public:
  ConvBlock(Backend& backend, const ConvBlockShape& shape);

  Shape input_shape() const override;
  Shape output_shape() const override;
  void prepare(int n, float* scratch) override;
  std::size_t scratch_floats(int n) const override;
  void finish_gradients() override;
  void params_changed() override;
  std::span<Param> params() override { return storage_.params(); }
  LayerCost cost() const override;

 private:
  void forward_impl(Pass pass, int n, const float* x, float* y) override;
  void backward_impl(int n, const float* x, float* dy, float* dx,
                     std::optional<GradMode> param_grads) override;

  Backend& backend_;
  ConvBlockShape shape_;
  std::unique_ptr<Conv2d> conv_;
  ParamStorage storage_;
  Buffer<std::uint8_t> winner_;
  float* scratch_ = nullptr;
};

}  // namespace dropmuon
