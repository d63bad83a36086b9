// SPDX-License-Identifier: MIT
// A chain of layers with truncated backpropagation.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <dropmuon/backend/buffer.h>
#include <dropmuon/core/active_set.h>
#include <dropmuon/engine/layer.h>
#include <dropmuon/engine/model_options.h>

namespace dropmuon {

class Network {
 public:
  Network(Backend& backend, std::vector<std::unique_ptr<Layer>> layers);

  int depth() const { return static_cast<int>(layers_.size()); }
  Layer& layer(int i) { return *layers_[static_cast<std::size_t>(i)]; }
  const Layer& layer(int i) const { return *layers_[static_cast<std::size_t>(i)]; }
  std::span<Param> params() { return params_; }  // all layers, first layer first
  std::vector<LayerCost> costs() const;

  // Takes all memory for micro-batches of up to max_n images and builds the operations for every
  // size in `sizes`. Nothing is allocated afterwards.
  void prepare(std::span<const int> sizes);

  // The input buffer (max_n, H, W, C) to gather into, and the logits (max_n, classes).
  float* input() { return activations_.front(); }
  float* logits() { return activations_.back(); }
  float* logits_gradient() { return dlogits_.data(); }

  // Reads input(), writes logits(). Layers before computed.first() run as inference: they keep
  // nothing, and their outputs share two buffers. Pass no set for evaluation.
  void forward(int n, const ActiveSet* computed);

  // The hidden outputs of layer i, whose ReLU may leave nothing but zeros; none of a classifier. As
  // the latest forward() left them, which must have had a set with all layers.
  std::vector<Activation> activations(int i) const;

  // Reads logits_gradient(). Filter gradients for the layers in `computed` only; data gradients
  // down to, not through, computed.first(). Layers below it are not touched.
  void backward(int n, const ActiveSet& computed, GradMode mode);

  // After the last micro-batch: the gradients of the layers in `computed` are complete.
  void finish_gradients(const ActiveSet& computed);

  // After the optimizer moved the layers in `active` (or weights were loaded).
  void params_changed(const ActiveSet& active);

 private:
  void plan_activations(int max_n);
  float* output_buffer(int layer, int first_kept);

  Backend& backend_;
  std::vector<std::unique_ptr<Layer>> layers_;
  std::vector<Param> params_;
  int max_n_ = 0;
  std::vector<Buffer<float>> storage_;
  std::vector<float*> activations_;  // activations_[i] is layer i's input, the last the logits
  std::vector<float*> gradients_;    // two buffers that data gradients alternate between
  std::vector<float*> transient_;    // two buffers for outputs that nobody keeps
  Buffer<float> scratch_;
  Buffer<float> dlogits_;
};

// Deterministic Kaiming-normal initialisation: weights N(0, 2 / fan_in), the classifier
// N(0, 1 / fan_in), biases 0; a pure function of (seed, parameter position, element).
void initialise(Network& network, Backend& backend, std::uint64_t seed);

// Throws Error(bad_config) naming the model key that does not fit the input.
std::unique_ptr<Network> build_network(const ModelOptions& options, const ModelInput& input,
                                       Backend& backend);

}  // namespace dropmuon
