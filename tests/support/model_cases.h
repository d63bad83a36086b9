// SPDX-License-Identifier: MIT
// Small models that cover every layer kind, and what the engine tests do with them.
#pragma once

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "compare.h"
#include "given_batches.h"
#include "reference_network.h"
#include "test_backend.h"
#include <dropmuon/training/step.h>

namespace dropmuon {

struct ModelCase {
  std::string name;
  ModelOptions options;
  ModelInput input;
  OptimizerOptions optimizer = {};
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

// The trainer's step on a network of a case and one batch of n images.
class Harness {
 public:
  // micro_batch 0: all images at once.
  Harness(Backend& backend, const ModelCase& model, int n, int micro_batch = 0)
      : backend_(backend), batch_(make_batch(model.input, n)) {
    Experiment experiment;
    experiment.seed = 7;
    experiment.model = model.options;
    experiment.optimizer = model.optimizer;
    experiment.train.micro_batch = micro_batch > 0 ? micro_batch : n;
    step_ = make_step(backend, experiment, model.input,
                      std::make_unique<GivenBatches>(backend, std::vector{batch_}), {});
    // Biases start at zero, which would hide mistakes in them.
    std::uint64_t seed = 50;
    for (const Param& param : network().params()) {
      if (param.kind != ParamKind::vector) continue;
      auto values = random_floats(param.size(), seed++);
      for (float& value : values) value *= 0.1F;
      backend.upload(param.value, values.data(), values.size() * sizeof(float));
    }
    network().params_changed(ActiveSet::all(depth()));
  }

  // Loss and gradients of `computed`; nothing moves.
  void pass(const ActiveSet& computed) {
    step_->set_sums({});
    step_->compute(0, computed, computed);
  }
  // A whole step.
  void step(const ActiveSet& active) {
    step_->run(0, {.active = active, .computed = active, .learning_rate = 0.02});
  }
  void poison_gradients() {
    for (const Param& param : network().params()) {
      const std::vector<float> nan(param.size(), NAN);
      backend_.upload(param.grad, nan.data(), nan.size() * sizeof(float));
    }
  }

  Network& network() { return step_->network(); }
  Optimizer& optimizer() { return step_->optimizer(); }
  int depth() { return network().depth(); }
  const std::vector<float>& x() const { return batch_.images; }
  const std::vector<std::uint8_t>& labels() const { return batch_.labels; }
  double loss() const { return step_->sums().loss / step_->batch_size(); }
  std::vector<float> grad(std::size_t i) {
    return read(network().params()[i].grad, network().params()[i].size());
  }
  std::vector<float> logits() {
    const auto n = static_cast<std::size_t>(step_->batch_size());
    return read(network().logits(), n * network().layer(depth() - 1).output_shape().size());
  }
  reference::Parameters parameters() {
    reference::Parameters all;
    for (const Param& param : network().params())
      all.push_back(widen(read(param.value, param.size())));
    return all;
  }

 private:
  static GivenBatch make_batch(const ModelInput& input, int n) {
    GivenBatch batch{.images = random_floats(static_cast<std::size_t>(n) * input.image.size(), 21)};
    for (int i = 0; i < n; ++i) {
      batch.labels.push_back(static_cast<std::uint8_t>((5 * i + 1) % input.classes));
    }
    return batch;
  }
  std::vector<float> read(const float* data, std::size_t size) {
    std::vector<float> values(size);
    backend_.download(values.data(), data, size * sizeof(float));
    return values;
  }

  Backend& backend_;
  GivenBatch batch_;
  std::unique_ptr<Step> step_;
};

}  // namespace dropmuon
