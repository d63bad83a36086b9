// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>

#include <dropmuon/core/error.h>
#include <dropmuon/training/layer_watch.h>

namespace dropmuon {
namespace {

// A layer has one output and, if it is a group, those between its parts.
std::size_t hidden_outputs(const Network& network) {
  std::size_t count = 0;
  for (int i = 0; i < network.depth(); ++i) count += network.activations(i).size();
  return count;
}

std::optional<double> ratio(double change, double weights) {
  const double ratio = std::sqrt(change) / std::sqrt(weights);
  if (!std::isfinite(ratio)) return std::nullopt;  // weights of zero, or a change not known
  return ratio;
}

}  // namespace

LayerWatch::LayerWatch(Backend& backend, Network& network, const Optimizer& optimizer)
    : backend_(backend),
      network_(network),
      optimizer_(optimizer),
      last_moves_(static_cast<std::size_t>(network.depth()), kNoMove),
      squares_(backend, std::max(network.params().size(), hidden_outputs(network))) {}

void LayerWatch::moves(const ActiveSet& active, std::int64_t steps_done) {
  for (int i = 0; i < active.depth(); ++i) {
    if (active.contains(i)) last_moves_[static_cast<std::size_t>(i)] = steps_done;
  }
}

void LayerWatch::set_last_moves(const std::vector<std::int64_t>& steps) {
  DM_CHECK(steps.size() == last_moves_.size(), "last moves of {} layers for {}", steps.size(),
           last_moves_.size());
  last_moves_ = steps;
}

// <x, x> of each item's input.
std::vector<double> LayerWatch::squares(std::vector<DualNormItem> items) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    items[i].direction = items[i].in;
    items[i].result = squares_.data() + i;
  }
  backend_.dual_norms(items);
  std::vector<float> found(squares_.size());
  squares_.download(found.data());
  return {found.begin(), found.begin() + static_cast<std::ptrdiff_t>(items.size())};
}

// A layer's weights have not changed since its latest move, so they need not be measured in a step.
std::vector<LayerMetrics> LayerWatch::look(std::int64_t steps_done) {
  const std::span<Param> params = network_.params();
  std::vector<DualNormItem> items;
  for (const Param& param : params) items.push_back({.size = param.size(), .in = param.value});
  const std::vector<double> norms = squares(std::move(items));
  const std::vector<Change> changes = optimizer_.changes();
  std::vector<LayerMetrics> layers;
  for (int i = 0; i < network_.depth(); ++i) {
    double weights = 0.0;
    double change = 0.0;
    for (std::size_t p = 0; p < params.size(); ++p) {
      if (params[p].layer != i || params[p].kind == ParamKind::vector) continue;
      weights += norms[p];
      change += std::pow(static_cast<double>(changes[p].last), 2);
    }
    const auto layer = static_cast<std::size_t>(i);
    LayerMetrics metrics{.updates = optimizer_.layer_updates()[layer]};
    if (metrics.updates > 0) metrics.update_ratio = ratio(change, weights);
    if (last_moves_[layer] != kNoMove) metrics.steps_since_update = steps_done - last_moves_[layer];
    layers.push_back(metrics);
  }
  return layers;
}

std::vector<LayerWatch::Moved> LayerWatch::moved() const {
  const std::vector<Change> changes = optimizer_.changes();
  const std::span<const Param> params = network_.params();
  std::vector<Moved> layers(static_cast<std::size_t>(network_.depth()));
  for (std::size_t p = 0; p < params.size(); ++p) {
    Moved& layer = layers[static_cast<std::size_t>(params[p].layer)];
    bool& part = params[p].kind == ParamKind::vector ? layer.biases : layer.weights;
    part = part || changes[p].total != 0.0F;
  }
  return layers;
}

std::vector<int> LayerWatch::unmoved() const {
  std::vector<int> layers;
  int number = 0;
  for (const Moved& layer : moved()) {
    ++number;
    if (!layer.weights && !layer.biases) layers.push_back(number);
  }
  return layers;
}

std::vector<int> LayerWatch::moved_in_biases_alone() const {
  std::vector<int> layers;
  int number = 0;
  for (const Moved& layer : moved()) {
    ++number;
    if (!layer.weights && layer.biases) layers.push_back(number);
  }
  return layers;
}

std::vector<int> LayerWatch::silent(Evaluator& evaluator) {
  const ActiveSet all = ActiveSet::all(network_.depth());
  std::vector<int> owners;  // of each hidden output, in the order of the computation
  for (int i = 0; i < network_.depth(); ++i) {
    owners.insert(owners.end(), network_.activations(i).size(), i + 1);
  }
  std::vector<bool> heard(owners.size(), false);
  evaluator.for_each_batch(network_, &all, [&](int n) {
    std::vector<DualNormItem> items;
    for (int i = 0; i < network_.depth(); ++i) {
      for (const Activation& output : network_.activations(i)) {
        items.push_back({.size = static_cast<std::size_t>(n) * output.floats, .in = output.data});
      }
    }
    const std::vector<double> energy = squares(std::move(items));
    for (std::size_t k = 0; k < heard.size(); ++k) {
      if (energy[k] != 0.0) heard[k] = true;  // NaN passes a ReLU, and is not 0
    }
    return std::find(heard.begin(), heard.end(), false) == heard.end() ? Look::no_further
                                                                       : Look::on;
  });
  std::vector<int> layers;
  for (std::size_t k = 0; k < heard.size(); ++k) {
    if (!heard[k] && (layers.empty() || layers.back() != owners[k])) layers.push_back(owners[k]);
  }
  return layers;
}

}  // namespace dropmuon
