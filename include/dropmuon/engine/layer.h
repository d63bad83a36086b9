// SPDX-License-Identifier: MIT
// One unit that can be drawn, frozen and stepped.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <dropmuon/backend/backend.h>
#include <dropmuon/core/param.h>
#include <dropmuon/core/shape.h>
#include <dropmuon/engine/cost.h>

namespace dropmuon {

// inference keeps nothing; training keeps what this layer's backward needs.
enum class Pass { inference, training };

// An output on the device, of each image so many floats.
struct Activation {
  const float* data = nullptr;
  std::size_t floats = 0;
};

// Per-layer sequence in a step with micro-batches j = 0, 1, ..:
//   forward(pass, x_j, y_j)   ... later layers ...   backward(x_j, dy_j, dx_j?, mode?)
//   after the last micro-batch: finish_gradients(), if the layer is active
//   after the optimizer moved the parameters: params_changed()
// forward and backward check shapes once and call the virtual _impl.
class Layer {
 public:
  virtual ~Layer() = default;

  virtual Shape input_shape() const = 0;   // of one image, no batch axis: (H, W, C) or (features)
  virtual Shape output_shape() const = 0;  // of one image

  // Builds everything for micro-batches of n images; `scratch` is scratch_floats(n) floats that all
  // layers share and nothing survives in between calls.
  virtual void prepare(int n, float* scratch) = 0;
  virtual std::size_t scratch_floats(int n) const = 0;

  // x (n, input), y (n, output)
  void forward(Pass pass, ConstTensorView x, TensorView y);

  // x is the input that the latest training forward saw. dy (n, output) may be overwritten.
  // dx: the gradient with respect to x, or nothing where backpropagation stops.
  // param_grads: how to write this layer's gradients, or nothing if they are not wanted.
  void backward(ConstTensorView x, TensorView dy, std::optional<TensorView> dx,
                std::optional<GradMode> param_grads);

  virtual void finish_gradients() = 0;
  virtual void params_changed() = 0;

  // What the latest forward passed on between the parts of this layer; nothing if it has none.
  virtual std::vector<Activation> inner() const { return {}; }

  virtual std::span<Param> params() = 0;
  virtual LayerCost cost() const = 0;

 private:
  virtual void forward_impl(Pass pass, int n, const float* x, float* y) = 0;
  virtual void backward_impl(int n, const float* x, float* dy, float* dx,
                             std::optional<GradMode> param_grads) = 0;
};

}  // namespace dropmuon
