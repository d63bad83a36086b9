// SPDX-License-Identifier: MIT
// A step takes nothing from the host's heap, either: what it needs was taken when it was made.
#include <numeric>

#include "allocation_counter.h"
#include "catch.h"
#include "test_backend.h"
#include <dropmuon/training/step.h>

using namespace dropmuon;

namespace {

using Functions = std::vector<std::string>;

constexpr int kLayers = 4;
constexpr int kPatterns = 12;

Dataset pattern_images() {
  Dataset data;
  data.image = {9, 8, 2};
  data.classes = 5;
  data.train.images.resize(kPatterns * data.image.size());
  std::iota(data.train.images.begin(), data.train.images.end(), std::uint8_t{0});
  for (int i = 0; i < kPatterns; ++i) data.train.labels.push_back(static_cast<std::uint8_t>(i % 5));
  data.mean = {0.5F, 0.4F};
  data.inverse_std = {3.0F, 4.0F};
  return data;
}

Experiment experiment_of(const OptimizerOptions& optimizer, HeadInput head) {
  Experiment experiment;
  experiment.augment = {.crop = 1, .flip = true};
  experiment.model.channels = {4, 6, 5};
  experiment.model.head_input = head;
  experiment.optimizer = optimizer;
  experiment.train.batch_size = 6;
  experiment.train.micro_batch = 4;
  return experiment;
}

// What the step allocates when it meets this set of layers, or if `before` is not 0 has met it
// `before` times.
Functions taken_by(Step& step, const std::vector<int>& layers, int before) {
  const ActiveSet active = ActiveSet::of(layers, kLayers);
  const StepPlan plan = {.active = active, .computed = active, .learning_rate = 0.01};
  for (int i = 0; i < before; ++i) step.run(i, plan);
  AllocationCounter counter;
  step.run(before, plan);
  return counter.stop();
}

// A GPU's library may load a kernel in the first step of a set, and the set gets its notes; with
// graphs the second is recorded.
int steps_before(const DeviceRequest& request) {
  if (testing_cpu()) return 0;
  return request.graphs ? 2 : 1;
}

void check_steps(const OptimizerOptions& optimizer, HeadInput head, const DeviceRequest& request) {
  CAPTURE(static_cast<int>(optimizer.type), static_cast<int>(head), request.graphs,
          static_cast<int>(request.precision));
  const auto backend = make_backend(request);
  const Experiment experiment = experiment_of(optimizer, head);
  const Dataset data = pattern_images();
  DeviceSplit split(*backend, data, data.train);
  Batcher batcher(*backend, kPatterns, experiment.train.batch_size, experiment.augment, 1);
  const auto step = make_step(*backend, experiment, {data.image, data.classes},
                              std::make_unique<SplitBatches>(split, batcher), {});
  for (const auto& layers : std::vector<std::vector<int>>{{0, 1, 2, 3}, {2, 3}, {0, 2}}) {
    CAPTURE(layers);
    CHECK(taken_by(*step, layers, steps_before(request)) == Functions{});
  }
}

std::vector<OptimizerOptions> optimizers() {
  return {
      {.type = OptimizerType::muon},
      {.type = OptimizerType::muon,
       .nesterov = Nesterov::yes,
       .weight_decay = 0.1,
       .step = StepMode::sharp,
       .newton_schulz = {.form = NewtonSchulzForm::gram},
       .lmo = {.matrix = Norm::row, .vector = Norm::sign}},
      {.type = OptimizerType::sgd, .nesterov = Nesterov::yes},
      {.type = OptimizerType::adamw},
  };
}

std::vector<int> list_of_three() { return {1, 2, 3}; }

}  // namespace

TEST_CASE("the counter of allocations names who asked") {
  if (!AllocationCounter::works()) {
    WARN("skipped: the sanitizer has an operator new of its own");
    return;
  }
  AllocationCounter counter;
  const std::vector<int> list = list_of_three();
  const Functions found = counter.stop();
  REQUIRE(found.size() == 1);
  CHECK_THAT(found[0], Catch::Contains("list_of_three"));
}

TEST_CASE("a step takes nothing from the host's heap") {
  if (!AllocationCounter::works()) {
    WARN("skipped: the sanitizer has an operator new of its own");
    return;
  }
  std::vector<DeviceRequest> requests = {{.device = test_device(), .graphs = false}};
  if (!testing_cpu()) {
    requests.push_back({.device = test_device(), .graphs = true});
    requests.push_back({.device = test_device(), .precision = Precision::bf16, .graphs = false});
  }
  for (const DeviceRequest& request : requests) {
    for (const OptimizerOptions& optimizer : optimizers()) {
      check_steps(optimizer, HeadInput::flatten, request);
    }
    check_steps({.type = OptimizerType::sgd}, HeadInput::average_pool, request);
  }
}
