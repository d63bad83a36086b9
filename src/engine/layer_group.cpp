// SPDX-License-Identifier: MIT
#include "layer_group.h"

#include <algorithm>

#include "batch_view.h"
#include <dropmuon/core/error.h>

namespace dropmuon {

LayerGroup::LayerGroup(Backend& backend, std::vector<std::unique_ptr<Layer>> parts)
    : backend_(backend), parts_(std::move(parts)) {
  DM_CHECK(!parts_.empty(), "a layer group needs a part");
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    for (Param param : parts_[i]->params()) {
      param.name = fmt::format("{}.{}", i, param.name);
      params_.push_back(param);
    }
  }
}

void LayerGroup::prepare(int n, float* scratch) {
  outputs_.resize(parts_.size() - 1);
  gradients_.resize(parts_.size() - 1);
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    parts_[i]->prepare(n, scratch);
    if (i + 1 == parts_.size()) break;
    const std::size_t floats = static_cast<std::size_t>(n) * parts_[i]->output_shape().size();
    if (outputs_[i].size() >= floats) continue;
    outputs_[i] = Buffer<float>(backend_, floats);
    gradients_[i] = Buffer<float>(backend_, floats);
  }
}

std::size_t LayerGroup::scratch_floats(int n) const {
  std::size_t most = 0;
  for (const auto& part : parts_) most = std::max(most, part->scratch_floats(n));
  return most;
}

void LayerGroup::finish_gradients() {
  for (const auto& part : parts_) part->finish_gradients();
}

void LayerGroup::params_changed() {
  for (const auto& part : parts_) part->params_changed();
}

std::vector<Activation> LayerGroup::inner() const {
  std::vector<Activation> found;
  for (std::size_t i = 0; i + 1 < parts_.size(); ++i) {
    found.push_back({outputs_[i].data(), parts_[i]->output_shape().size()});
  }
  return found;
}

// Data gradients between the parts are needed whenever the group is reached at all; only the first
// part's own is skipped where backpropagation stops.
LayerCost LayerGroup::cost() const {
  LayerCost total = parts_.front()->cost();
  for (std::size_t i = 1; i < parts_.size(); ++i) {
    const LayerCost part = parts_[i]->cost();
    total.forward_flops += part.forward_flops;
    total.filter_gradient_flops += part.filter_gradient_flops;
    total.inner_data_gradient_flops += part.data_gradient_flops;
    total.filter_bytes += part.filter_bytes;
    total.saved_bytes += part.saved_bytes;
  }
  return total;
}

TensorView LayerGroup::between(std::size_t part, int n) {
  return batch_view(outputs_[part].data(), n, parts_[part]->output_shape());
}

TensorView LayerGroup::between_gradient(std::size_t part, int n) {
  return batch_view(gradients_[part].data(), n, parts_[part]->output_shape());
}

void LayerGroup::forward_impl(Pass pass, int n, const float* x, float* y) {
  ConstTensorView input(x, batch_shape(n, input_shape()));
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const bool last = i + 1 == parts_.size();
    const TensorView output = last ? batch_view(y, n, output_shape()) : between(i, n);
    parts_[i]->forward(pass, input, output);
    input = output;
  }
}

void LayerGroup::backward_impl(int n, const float* x, float* dy, float* dx,
                               std::optional<GradMode> param_grads) {
  TensorView gradient = batch_view(dy, n, output_shape());
  for (std::size_t i = parts_.size(); i-- > 0;) {
    const ConstTensorView input =
        i == 0 ? ConstTensorView(x, batch_shape(n, input_shape())) : between(i - 1, n);
    std::optional<TensorView> below;
    if (i > 0) {
      below = between_gradient(i - 1, n);
    } else if (dx != nullptr) {
      below = batch_view(dx, n, input_shape());
    }
    parts_[i]->backward(input, gradient, below, param_grads);
    if (below) gradient = *below;
  }
}

}  // namespace dropmuon
