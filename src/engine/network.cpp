// SPDX-License-Identifier: MIT
#include <algorithm>

#include "batch_view.h"
#include <dropmuon/core/error.h>
#include <dropmuon/engine/network.h>

namespace dropmuon {

Network::Network(Backend& backend, std::vector<std::unique_ptr<Layer>> layers)
    : backend_(backend), layers_(std::move(layers)) {
  DM_CHECK(!layers_.empty(), "a network needs a layer");
  for (int i = 0; i < depth(); ++i) {
    if (i > 0) {
      DM_CHECK(layer(i).input_shape() == layer(i - 1).output_shape(),
               "layer {} takes {}, layer {} gives {}", i, layer(i).input_shape().text(), i - 1,
               layer(i - 1).output_shape().text());
    }
    for (Param param : layer(i).params()) {
      param.name = fmt::format("layers.{}.{}", i, param.name);
      param.layer = i;
      params_.push_back(param);
    }
  }
}

std::vector<LayerCost> Network::costs() const {
  std::vector<LayerCost> costs;
  for (const auto& each : layers_) costs.push_back(each->cost());
  return costs;
}

void Network::prepare(std::span<const int> sizes) {
  const int max_n = *std::max_element(sizes.begin(), sizes.end());
  std::size_t scratch = 0;
  for (const auto& each : layers_) scratch = std::max(scratch, each->scratch_floats(max_n));
  scratch_ = Buffer<float>(backend_, scratch);
  for (const auto& each : layers_) {
    for (const int n : sizes) each->prepare(n, scratch_.data());
    each->params_changed();  // the new operations have not seen the parameters yet
  }
  plan_activations(max_n);
}

void Network::plan_activations(int max_n) {
  max_n_ = max_n;
  storage_.clear();
  activations_.clear();
  const auto take = [&](std::size_t floats_per_image) {
    storage_.emplace_back(backend_, floats_per_image * static_cast<std::size_t>(max_n));
    return storage_.back().data();
  };
  std::size_t largest = 1;  // of the tensors between layers
  activations_.push_back(take(layer(0).input_shape().size()));
  for (int i = 0; i < depth(); ++i) {
    activations_.push_back(take(layer(i).output_shape().size()));
    if (i > 0) largest = std::max(largest, layer(i).input_shape().size());
  }
  gradients_ = {take(largest), take(largest)};
  transient_ = {take(largest), take(largest)};
  dlogits_ = Buffer<float>(
      backend_, layer(depth() - 1).output_shape().size() * static_cast<std::size_t>(max_n));
}

// Where layer i's output goes when nothing below `first_kept` is kept. Outputs of the layers before
// it alternate between two buffers, so layer first_kept's own input survives until backward.
float* Network::output_buffer(int i, int first_kept) {
  const bool kept = i >= first_kept || i == depth() - 1;
  return kept ? activations_[static_cast<std::size_t>(i) + 1]
              : transient_[static_cast<std::size_t>(i % 2)];
}

void Network::forward(int n, const ActiveSet* computed) {
  DM_CHECK(n >= 1 && n <= max_n_, "a micro-batch of {}, prepared for {}", n, max_n_);
  const int first = computed != nullptr ? computed->first() : depth();
  ConstTensorView x(input(), batch_shape(n, layer(0).input_shape()));
  for (int i = 0; i < depth(); ++i) {
    const TensorView y = batch_view(output_buffer(i, first), n, layer(i).output_shape());
    layer(i).forward(i >= first ? Pass::training : Pass::inference, x, y);
    x = y;
  }
}

std::vector<Activation> Network::activations(int i) const {
  std::vector<Activation> found = layer(i).inner();
  if (i + 1 < depth()) {
    found.push_back(
        {activations_[static_cast<std::size_t>(i) + 1], layer(i).output_shape().size()});
  }
  return found;
}

void Network::backward(int n, const ActiveSet& computed, GradMode mode) {
  DM_CHECK(n >= 1 && n <= max_n_, "a micro-batch of {}, prepared for {}", n, max_n_);
  TensorView dy = batch_view(dlogits_.data(), n, layer(depth() - 1).output_shape());
  for (int i = depth() - 1; i >= computed.first(); --i) {
    const float* input_data = i == 0 ? input() : output_buffer(i - 1, computed.first());
    const ConstTensorView x(input_data, batch_shape(n, layer(i).input_shape()));
    std::optional<TensorView> dx;
    if (i > computed.first()) {
      dx = TensorView{gradients_[static_cast<std::size_t>(i % 2)], x.shape};
    }
    std::optional<GradMode> param_grads;
    if (computed.contains(i)) param_grads = mode;
    layer(i).backward(x, dy, dx, param_grads);
    if (dx) dy = *dx;
  }
}

void Network::finish_gradients(const ActiveSet& computed) {
  for (int i = computed.first(); i < depth(); ++i) {
    if (computed.contains(i)) layer(i).finish_gradients();
  }
}

void Network::params_changed(const ActiveSet& active) {
  for (int i = 0; i < depth(); ++i) {
    if (active.contains(i)) layer(i).params_changed();
  }
}

}  // namespace dropmuon
