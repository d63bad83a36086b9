// SPDX-License-Identifier: MIT
// The classifier: flatten or average-pool, then a linear map with bias.
#pragma once

#include "param_storage.h"
#include <dropmuon/engine/layer.h>
#include <dropmuon/engine/model_options.h>

namespace dropmuon {

struct LinearShape {
  ImageShape input;
  HeadInput head_input = HeadInput::flatten;  // flatten keeps (H, W, C) order
  int outputs = 0;
};

class Linear final : public Layer {
 public:
  Linear(Backend& backend, const LinearShape& shape);

  Shape input_shape() const override;
  Shape output_shape() const override { return {shape_.outputs}; }
  void prepare(int n, float* scratch) override;
  std::size_t scratch_floats(int n) const override;
  void finish_gradients() override {}  // written straight into the parameters' gradients
  void params_changed() override {}    // read straight from the parameters
  std::span<Param> params() override { return storage_.params(); }
  LayerCost cost() const override;

 private:
  void forward_impl(Pass pass, int n, const float* x, float* y) override;
  void backward_impl(int n, const float* x, float* dy, float* dx,
                     std::optional<GradMode> param_grads) override;
  int features() const;

  Backend& backend_;
  LinearShape shape_;
  ParamStorage storage_;
  Buffer<float> pooled_;  // average_pool only: the matrix product's input, kept for backward
  float* scratch_ = nullptr;
};

}  // namespace dropmuon
