// SPDX-License-Identifier: MIT
// One training step: its halves, its batches, its key and its clock.
#include <chrono>
#include <thread>

#include "catch.h"
#include "counting_backend.h"
#include "given_batches.h"
#include "small_run.h"
#include <dropmuon/training/step.h>

using namespace dropmuon;

namespace {

constexpr int kDepth = 4;

Experiment experiment_of(OptimizerType type) {
  Experiment experiment = small_experiment();
  experiment.model.channels = {4, 6, 5};
  experiment.optimizer.type = type;
  return experiment;
}

const ModelInput kInput{{9, 8, 2}, 5};

std::vector<GivenBatch> two_batches(int n) {
  std::vector<GivenBatch> batches(2);
  std::uint64_t seed = 30;
  for (GivenBatch& batch : batches) {
    batch.images = random_floats(static_cast<std::size_t>(n) * kInput.image.size(), seed++);
    for (int i = 0; i < n; ++i) batch.labels.push_back(static_cast<std::uint8_t>(i * 3 % 5));
  }
  return batches;
}

std::unique_ptr<Step> step_of(Backend& backend, const Experiment& experiment, int n) {
  return make_step(backend, experiment, kInput,
                   std::make_unique<GivenBatches>(backend, two_batches(n)), {});
}

// Weights and the optimizer's state.
std::vector<float> values_of(Step& step, Backend& backend) {
  std::vector<float> all;
  const auto append = [&](const float* data, std::size_t size) {
    all.resize(all.size() + size);
    backend.download(all.data() + all.size() - size, data, size * sizeof(float));
  };
  for (const Param& param : step.network().params()) append(param.value, param.size());
  for (const StateTensor& tensor : step.optimizer().state()) append(tensor.data, tensor.size);
  return all;
}

StepPlan plan_of(const std::vector<int>& active, Truncate truncate) {
  const ActiveSet set = ActiveSet::of(active, kDepth);
  return {.active = set,
          .computed = truncate == Truncate::yes ? set : ActiveSet::all(kDepth),
          .learning_rate = 0.02};
}

// What of which batch is asked for, in turn.
class Spy final : public BatchSource {
 public:
  struct Call {
    std::int64_t index = -1;  // of next(), or
    int offset = 0;
    int n = 0;
    bool operator==(const Call&) const = default;
  };
  Spy(Backend& backend, std::vector<Call>& calls) : backend_(backend), calls_(calls) {}
  int batch_size() const override { return 9; }
  void next(std::int64_t index) override { calls_.push_back({.index = index}); }
  void load(int offset, int n, float* x, std::uint8_t* y) override {
    calls_.push_back({.offset = offset, .n = n});
    backend_.zero(x, static_cast<std::size_t>(n) * kInput.image.size() * sizeof(float));
    backend_.zero(y, static_cast<std::size_t>(n));
  }

 private:
  Backend& backend_;
  std::vector<Call>& calls_;
};

class KeyBackend final : public CountingBackend {
 public:
  using CountingBackend::CountingBackend;
  std::vector<StepKey> keys;
  void run_step(const StepKey& key, const std::function<void()>& body) override {
    keys.push_back(key);
    CountingBackend::run_step(key, body);
  }
};

}  // namespace

TEST_CASE("the two halves of a step give the bits of the whole") {
  for (const OptimizerType type : {OptimizerType::muon, OptimizerType::sgd, OptimizerType::adamw}) {
    for (const Truncate truncate : {Truncate::yes, Truncate::no}) {
      const auto backend = test_backend();
      const auto other = test_backend();
      const auto whole = step_of(*backend, experiment_of(type), 5);
      const auto halves = step_of(*other, experiment_of(type), 5);
      std::int64_t index = 0;
      for (const auto& active : std::vector<std::vector<int>>{
               {0, 1, 2, 3}, {2, 3}, {2, 3}, {0, 2}, {2, 3}, {0, 2}, {0, 2}}) {
        CAPTURE(static_cast<int>(type), static_cast<int>(truncate), index);
        const StepPlan plan = plan_of(active, truncate);
        whole->run(index, plan);
        const std::vector<float> before = values_of(*halves, *other);
        halves->compute(index, plan.active, plan.computed);
        CHECK(same_bits(values_of(*halves, *other), before));
        CHECK(halves->sums().loss == whole->sums().loss);
        halves->move(plan);
        CHECK(same_bits(values_of(*halves, *other), values_of(*whole, *backend)));
        CHECK_FALSE(same_bits(values_of(*halves, *other), before));
        ++index;
      }
    }
  }
}

TEST_CASE("sums go on from what they were set to") {
  const auto backend = test_backend();
  const auto step = step_of(*backend, experiment_of(OptimizerType::sgd), 5);
  const ActiveSet all = ActiveSet::all(kDepth);
  step->compute(0, all, all);
  const LossSums one = step->sums();
  CHECK(one.count == 5);
  step->compute(0, all, all);
  CHECK(step->sums().count == 10);
  CHECK(step->sums().loss == Approx(2 * one.loss));
  step->set_sums({.loss = 1.5, .correct = 3, .count = 7});
  CHECK(step->sums().loss == 1.5);
  step->compute(0, all, all);
  CHECK(step->sums().count == 12);
  CHECK(step->sums().correct == 3 + one.correct);
}

TEST_CASE("a step chooses its batch once and loads every image of it once, in order") {
  const auto backend = test_backend();
  Experiment experiment = experiment_of(OptimizerType::sgd);
  experiment.train.micro_batch = 4;
  std::vector<Spy::Call> calls;
  const auto step =
      make_step(*backend, experiment, kInput, std::make_unique<Spy>(*backend, calls), {});
  CHECK(step->micro_batch() == 4);
  const StepPlan plan = plan_of({2, 3}, Truncate::yes);
  step->run(6, plan);
  const std::vector<Spy::Call> expected = {
      {.index = 6}, {.offset = 0, .n = 4}, {.offset = 4, .n = 4}, {.offset = 8, .n = 1}};
  CHECK((calls == expected));
  const StepPlan other = plan_of({1, 3}, Truncate::yes);
  calls.clear();
  step->compute(6, other.active, other.computed);
  CHECK((calls == expected));
  calls.clear();
  step->move(other);
  CHECK(calls.empty());
}

TEST_CASE("a step and its halves are told apart where steps are recorded") {
  KeyBackend backend(test_backend());
  const auto step = step_of(backend, experiment_of(OptimizerType::muon), 5);
  const StepPlan plan = plan_of({0, 2}, Truncate::no);
  step->run(0, plan);
  step->compute(1, plan.active, plan.computed);
  step->move(plan);
  CHECK((backend.keys == std::vector<StepKey>{{.layers = 5, .part = StepPart::whole},
                                              {.layers = 5, .part = StepPart::compute},
                                              {.layers = 5, .part = StepPart::move}}));
}

TEST_CASE("what comes after a step, or after a half that ends it, counts for no phase", "[cpu]") {
  using Clock = std::chrono::steady_clock;
  const auto backend = test_backend();
  const auto step = step_of(*backend, experiment_of(OptimizerType::sgd), 5);
  const StepPlan plan = plan_of({0, 1, 2, 3}, Truncate::yes);
  for (const bool whole : {true, false}) {
    CAPTURE(whole);
    const auto take = [&] {
      if (whole) return step->run(0, plan);
      step->compute(0, plan.active, plan.computed);
    };
    take();
    backend->phase_seconds();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    const auto begin = Clock::now();
    take();
    const double wall = std::chrono::duration<double>(Clock::now() - begin).count();
    const PhaseSeconds phases = backend->phase_seconds();
    CHECK(phases.forward > 0.0);
    CHECK(phases.backward > 0.0);
    CHECK(phases.forward + phases.backward + phases.optimizer <= wall);
  }
}

TEST_CASE("layers that are computed though they do not move cost a whole backward pass") {
  CountingBackend backend(test_backend());
  const auto step = step_of(backend, experiment_of(OptimizerType::sgd), 5);
  for (const Truncate truncate : {Truncate::yes, Truncate::no}) {
    backend.forget_steps();  // the same set is computed otherwise now
    for (const bool whole : {true, false}) {
      CAPTURE(static_cast<int>(truncate), whole);
      const StepPlan plan = plan_of({2, 3}, truncate);
      backend.counts.clear();
      if (whole) {
        step->run(0, plan);
      } else {
        step->compute(0, plan.active, plan.computed);
        step->move(plan);
      }
      CHECK(backend.count("conv2d[0].backward_filter") == (truncate == Truncate::yes ? 0 : 1));
      CHECK(backend.count("conv2d[0].load_filter") == 0);
      CHECK(backend.count("conv2d[2].load_filter") == 1);
    }
  }
}

TEST_CASE("no half of a step allocates") {
  CountingBackend backend(test_backend());
  const auto step = step_of(backend, experiment_of(OptimizerType::muon), 5);
  backend.counts.clear();
  for (const auto& active : std::vector<std::vector<int>>{{0, 1, 2, 3}, {1, 3}}) {
    const StepPlan plan = plan_of(active, Truncate::no);
    step->compute(0, plan.active, plan.computed);
    step->move(plan);
  }
  CHECK(backend.count("allocate") == 0);
}
