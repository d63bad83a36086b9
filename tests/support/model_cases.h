// SPDX-License-Identifier: MIT
// Small models that cover every layer kind, and what the engine tests do with them.
#pragma once

#include <string>

#include "compare.h"
#include "reference_network.h"
#include "test_backend.h"
#include <dropmuon/engine/network.h>

namespace dropmuon {

struct ModelCase {
  std::string name;
  ModelOptions options;
  ModelInput input;
};

inline std::vector<ModelCase> model_cases() {
  ModelOptions deep{.channels = std::vector<int>(12, 5),
                    .pool = {1, 1, 1, 2, 1, 1, 1, 2, 1, 1, 1, 2}};
  return {
      {"one conv layer", {.channels = {3}}, {{5, 4, 1}, 4}},
      {"paper shape, narrow", {.channels = {4, 6, 8}}, {{13, 9, 1}, 10}},
      {"colour, pooling 3, kernel 5",
       {.channels = {6, 7}, .kernel = {5, 3}, .pool = {3, 1}},
       {{11, 10, 3}, 10}},
      {"average pool head",
       {.channels = {5, 9}, .head_input = HeadInput::average_pool},
       {{9, 9, 2}, 3}},
      {"head in the last layer",
       {.channels = {4, 6, 5}, .head = Head::with_last_conv},
       {{12, 8, 1}, 10}},
      {"head in the only layer",
       {.channels = {4}, .head = Head::with_last_conv, .head_input = HeadInput::average_pool},
       {{6, 6, 1}, 10}},
      {"twelve conv layers", deep, {{16, 17, 3}, 10}},
  };
}

// A network prepared for n images, with a batch to feed it.
class Harness {
 public:
  Harness(Backend& backend, const ModelCase& model, int n)
      : backend_(backend),
        n_(n),
        classes_(model.input.classes),
        x_(random_floats(static_cast<std::size_t>(n) * model.input.image.size(), 21)),
        network_(build_network(model.options, model.input, backend)),
        sums_(backend, 1) {
    network_->prepare(std::vector<int>{n});
    initialise(*network_, backend, 7);
    for (int i = 0; i < n; ++i)
      labels_.push_back(static_cast<std::uint8_t>((5 * i + 1) % classes_));
    device_labels_ = to_device(backend, labels_);
    // Biases start at zero, which would hide mistakes in them.
    std::uint64_t seed = 50;
    for (const Param& param : network_->params()) {
      if (param.kind != ParamKind::vector) continue;
      auto values = random_floats(param.size(), seed++);
      for (float& value : values) value *= 0.1F;
      backend.upload(param.value, values.data(), values.size() * sizeof(float));
    }
    network_->params_changed(ActiveSet::all(network_->depth()));
  }

  // One forward and backward pass over images [from, from + count).
  void pass(const ActiveSet& computed, GradMode mode, int from, int count) {
    const std::size_t image = x_.size() / static_cast<std::size_t>(n_);
    const std::size_t offset = static_cast<std::size_t>(from) * image;
    backend_.upload(network_->input(), x_.data() + offset,
                    static_cast<std::size_t>(count) * image * sizeof(float));
    sums_.zero();
    network_->forward(count, &computed);
    backend_.softmax_cross_entropy({count, classes_, network_->logits(),
                                    device_labels_.data() + from, network_->logits_gradient(),
                                    1.0F / static_cast<float>(n_), sums_.data()});
    network_->backward(count, computed, mode);
  }
  void pass(const ActiveSet& computed) {
    pass(computed, GradMode::overwrite, 0, n_);
    network_->finish_gradients(computed);
  }

  Network& network() { return *network_; }
  int depth() const { return network_->depth(); }
  const std::vector<float>& x() const { return x_; }
  const std::vector<std::uint8_t>& labels() const { return labels_; }
  double loss() const { return to_host(sums_)[0].loss / n_; }
  std::vector<float> grad(std::size_t i) { return read(network_->params()[i].grad, i); }
  std::vector<float> logits() {
    const std::size_t count = static_cast<std::size_t>(n_) * static_cast<std::size_t>(classes_);
    std::vector<float> values(count);
    backend_.download(values.data(), network_->logits(), count * sizeof(float));
    return values;
  }
  reference::Parameters parameters() {
    reference::Parameters all;
    for (std::size_t i = 0; i < network_->params().size(); ++i) {
      all.push_back(widen(read(network_->params()[i].value, i)));
    }
    return all;
  }

 private:
  std::vector<float> read(const float* data, std::size_t i) {
    std::vector<float> values(network_->params()[i].size());
    backend_.download(values.data(), data, values.size() * sizeof(float));
    return values;
  }

  Backend& backend_;
  int n_;
  int classes_;
  std::vector<float> x_;
  std::vector<std::uint8_t> labels_;
  std::unique_ptr<Network> network_;
  Buffer<std::uint8_t> device_labels_;
  Buffer<LossSums> sums_;
};

}  // namespace dropmuon
