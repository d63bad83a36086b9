// SPDX-License-Identifier: MIT
// Several operations that are drawn and frozen together, e.g. the last conv block and the
// classifier.
#pragma once

#include <memory>
#include <vector>

#include "param_storage.h"
#include <dropmuon/engine/layer.h>

namespace dropmuon {

class LayerGroup final : public Layer {
 public:
  LayerGroup(Backend& backend, std::vector<std::unique_ptr<Layer>> parts);

  Shape input_shape() const override { return parts_.front()->input_shape(); }
  Shape output_shape() const override { return parts_.back()->output_shape(); }
  void prepare(int n, float* scratch) override;
  std::size_t scratch_floats(int n) const override;
  void finish_gradients() override;
  void params_changed() override;
  std::span<Param> params() override { return params_; }
  LayerCost cost() const override;
  std::vector<Activation> inner() const override;

 private:
  void forward_impl(Pass pass, int n, const float* x, float* y) override;
  void backward_impl(int n, const float* x, float* dy, float* dx,
                     std::optional<GradMode> param_grads) override;
  TensorView between(std::size_t part, int n);           // output of `part`, not the last
  TensorView between_gradient(std::size_t part, int n);  // its gradient

  Backend& backend_;
  std::vector<std::unique_ptr<Layer>> parts_;
  std::vector<Param> params_;  // of all parts; names carry the part's position
  std::vector<Buffer<float>> outputs_;
  std::vector<Buffer<float>> gradients_;
};

}  // namespace dropmuon
