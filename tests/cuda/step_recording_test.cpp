// SPDX-License-Identifier: MIT
// Recorded steps: what is recorded, replayed and dropped, and that a replay reads what is new.
#include <set>

#include "catch.h"
#include "counting_backend.h"
#include "toy.h"
#include <dropmuon/core/error.h>

using namespace dropmuon;

namespace {

// A step that adds `amount` to one element.
class Counter {
 public:
  explicit Counter(Backend& backend)
      : backend_(backend),
        amount_(to_device(backend, std::vector<float>{1.0F})),
        sum_(to_device(backend, std::vector<float>{0.0F})) {}
  void set_amount(float amount) { amount_.upload(&amount); }
  void step(std::uint64_t key) {
    backend_.run_step({key}, [this] {
      ++bodies;
      backend_.mark(Phase::forward);
      backend_.add_bias({1, 1, amount_.data(), sum_.data()});
      backend_.mark(Phase::idle);
    });
  }
  float sum() const { return to_host(sum_)[0]; }
  int bodies = 0;  // times the step's operations were named

 private:
  Backend& backend_;
  Buffer<float> amount_;
  Buffer<float> sum_;
};

Experiment deep_experiment() {
  ToyNet net{"nine layers", {8, 8, 1}, {.channels = std::vector<int>(8, 4)}, 2, 2};
  net.model.pool = {2, 1, 1, 1, 2, 1, 1, 1};
  Experiment experiment = toy_experiment(net);
  experiment.augment = {};
  experiment.optimizer = {.type = OptimizerType::sgd, .lr = 0.01, .momentum = 0.9};
  experiment.sampling = {.scheme = SamplingScheme::tau_nice, .tau = 3};
  experiment.train.max_steps = 200;
  return experiment;
}

}  // namespace

TEST_CASE("a step is named until it is recorded and replayed from then on", "[cuda]") {
  const auto backend = on_cuda();
  Counter counter(*backend);
  counter.step(5);  // a key's first step is not recorded: libraries load their kernels in it
  CHECK(counter.sum() == 1.0F);
  CHECK(backend->recording_counts().recorded == 0);
  counter.step(5);
  CHECK(backend->recording_counts().recorded == 1);
  CHECK(backend->recording_counts().replayed == 0);
  CHECK(counter.sum() == 2.0F);
  for (int i = 0; i < 3; ++i) counter.step(5);
  CHECK(counter.sum() == 5.0F);
  CHECK(counter.bodies == 2);
  CHECK(backend->recording_counts().replayed == 3);
  counter.set_amount(10.0F);
  counter.step(5);
  CHECK(counter.sum() == 15.0F);
  counter.step(6);
  CHECK(backend->recording_counts().recorded == 1);
  counter.step(6);
  CHECK(counter.sum() == 35.0F);
  CHECK(counter.bodies == 4);
  const RecordingCounts counts = backend->recording_counts();
  CHECK(counts.recorded == 2);
  CHECK(counts.replayed == 4);
  CHECK(counts.kept == 2);
  CHECK(counts.evicted == 0);
}

TEST_CASE("at most 64 recordings are kept, and the least recently used one goes", "[cuda]") {
  const auto backend = on_cuda();
  Counter counter(*backend);
  const auto twice = [&](std::uint64_t key) {
    counter.step(key);
    counter.step(key);
  };
  for (std::uint64_t key = 1; key <= 64; ++key) twice(key);
  CHECK(backend->recording_counts().recorded == 64);
  CHECK(backend->recording_counts().kept == 64);
  CHECK(backend->recording_counts().evicted == 0);
  counter.step(1);  // used again, so 2 is the oldest now
  twice(65);        // drops 2
  CHECK(backend->recording_counts().kept == 64);
  CHECK(backend->recording_counts().evicted == 1);
  const int named = counter.bodies;
  counter.step(1);
  counter.step(3);
  CHECK(counter.bodies == named);
  twice(2);  // recorded anew, drops 4
  CHECK(counter.bodies == named + 2);
  counter.step(4);  // drops 5, and is not recorded at its first use
  CHECK(counter.bodies == named + 3);
  const RecordingCounts counts = backend->recording_counts();
  CHECK(counts.recorded == 66);
  CHECK(counts.replayed == 3);
  CHECK(counts.evicted == 3);
  CHECK(counts.kept == 63);
  CHECK(counter.sum() == 136.0F);
}

TEST_CASE("without graphs every step is named and nothing is recorded", "[cuda]") {
  const auto backend = on_cuda(false);
  Counter counter(*backend);
  for (std::uint64_t key = 0; key < 70; ++key) counter.step(key % 3);
  CHECK(counter.bodies == 70);
  CHECK(counter.sum() == 70.0F);
  CHECK(backend->recording_counts().recorded == 0);
  CHECK(backend->recording_counts().replayed == 0);
  CHECK(backend->recording_counts().kept == 0);
}

TEST_CASE("recordings are forgotten on request and when their memory may be gone", "[cuda]") {
  const auto backend = on_cuda();
  {
    Counter counter(*backend);
    for (int i = 0; i < 3; ++i) counter.step(7);
    CHECK(backend->recording_counts().kept == 1);
    backend->forget_steps();
    CHECK(backend->recording_counts().kept == 0);
    for (int i = 0; i < 2; ++i) counter.step(7);
    CHECK(counter.sum() == 5.0F);
    CHECK(backend->recording_counts().kept == 1);
  }
  CHECK(backend->recording_counts().kept == 0);
  // The same key for another user: nothing of the old step may run.
  Counter counter(*backend);
  for (int i = 0; i < 3; ++i) counter.step(7);
  CHECK(counter.sum() == 3.0F);
}

TEST_CASE("a step that fails leaves the device usable", "[cuda]") {
  for (const bool graphs : {true, false}) {
    CAPTURE(graphs);
    const auto backend = on_cuda(graphs);
    Counter counter(*backend);
    for (int i = 0; i < 2; ++i) counter.step(1);
    counter.step(2);
    for (const std::uint64_t key : {2, 2, 4}) {  // in the capture of 2, twice, and in a direct step
      CHECK_THROWS_AS(backend->run_step({key},
                                        [&] {
                                          backend->mark(Phase::forward);
                                          fail(ExitCode::internal, "of purpose");
                                        }),
                      Error);
    }
    for (int i = 0; i < 2; ++i) counter.step(3);
    for (int i = 0; i < 3; ++i) counter.step(2);
    counter.step(1);
    CHECK(counter.sum() == 9.0F);
    CHECK(backend->phase_seconds().forward >= 0.0);
  }
}

TEST_CASE("a step may not allocate, upload or download", "[cuda]") {
  const auto backend = on_cuda();
  Counter counter(*backend);
  for (int i = 0; i < 2; ++i) counter.step(2);
  backend->forget_steps();
  counter.step(2);  // the next one is captured
  float value = 0.0F;
  const auto device = to_device(*backend, std::vector<float>{2.0F});
  CHECK_THROWS_AS(backend->run_step({2}, [&] { backend->allocate(4); }), Error);
  CHECK_THROWS_AS(backend->run_step({2}, [&] { backend->upload(device.data(), &value, 4); }),
                  Error);
  CHECK_THROWS_AS(backend->run_step({2}, [&] { backend->download(&value, device.data(), 4); }),
                  Error);
  counter.step(2);
  CHECK(counter.sum() == 4.0F);
}

TEST_CASE("training records each active set once", "[cuda]") {
  const ToyNet net = toy_nets()[1];
  Experiment experiment = toy_experiment(net);
  experiment.sampling.scheme = SamplingScheme::uniform;
  ToyRun run(on_cuda(), experiment, toy_dataset(net.image));
  run.steps(0, 20);
  const RecordingCounts counts = run.backend().recording_counts();
  CHECK(counts.recorded == 4);  // suffixes of three convolutions and the head
  CHECK(counts.kept == 4);
  CHECK(counts.recorded + counts.replayed == 20 - 4);  // the first of each runs directly
  CHECK(counts.evicted == 0);
}

TEST_CASE("the halves of a step are recorded apart, and from the whole", "[cuda]") {
  const ToyNet net = toy_nets()[1];
  Experiment experiment = toy_experiment(net);
  experiment.sampling.scheme = SamplingScheme::uniform;
  const Dataset data = toy_dataset(net.image);
  ToyRun whole(on_cuda(), experiment, data);
  experiment.train.non_finite.policy = NonFinite::skip;
  ToyRun halves(on_cuda(), experiment, data);
  whole.steps(0, 20);
  halves.steps(0, 20);
  CHECK(same_bits(halves.weights(), whole.weights()));
  const RecordingCounts counts = halves.backend().recording_counts();
  CHECK(counts.recorded == 2 * 4);
  CHECK(counts.kept == 2 * 4);
  CHECK(counts.recorded + counts.replayed == 2 * (20 - 4));
}

TEST_CASE("a long schedule over more sets than are kept follows the CPU", "[cuda]") {
  const Experiment experiment = deep_experiment();
  const Dataset data = toy_dataset({8, 8, 1});
  ToyRun cpu(on_cpu(), experiment, data);
  ToyRun cuda(on_cuda(), experiment, data);
  std::set<std::uint64_t> keys;
  std::int64_t index = 0;
  const auto step = [&](int a, int b, int c) {
    const ActiveSet set = ActiveSet::of(std::vector<int>{a, b, c}, 9);
    keys.insert(set.key());
    for (ToyRun* run : {&cpu, &cuda}) run->trainer().step(index, set);
    ++index;
  };
  for (int a = 0; a < 7; ++a) {  // 84 sets of three layers
    for (int b = a + 1; b < 8; ++b) {
      for (int c = b + 1; c < 9; ++c) step(a, b, c);
    }
  }
  for (int c = 2; c < 9; ++c) step(0, 1, c);  // dropped ones once more
  for (int c = 2; c < 9; ++c) step(0, 1, c);  // and at once again: recorded
  CHECK(keys.size() == 84);
  const RecordingCounts counts = cuda.backend().recording_counts();
  CHECK(counts.kept == 7);  // the others came once, or too rarely
  CHECK(counts.evicted == 0);
  CHECK(counts.recorded - counts.evicted == counts.kept);
  CHECK(cuda.distance(cpu) < 1e-4);
}

TEST_CASE("a replay reads this step's learning rate, batch and corrections", "[cuda]") {
  const ToyNet net = toy_nets()[0];
  const Dataset data = toy_dataset(net.image);
  for (const auto& [name, optimizer] : toy_optimizers()) {
    CAPTURE(name);
    Experiment experiment = toy_experiment(net);
    experiment.optimizer = optimizer;
    experiment.sampling.scheme = SamplingScheme::full;
    ToyRun cpu(on_cpu(), experiment, data);
    ToyRun cuda(on_cuda(), experiment, data);
    // With a rate that stands still the CPU itself ends up far from there.
    Experiment constant = experiment;
    constant.schedule = {};
    constant.optimizer.lr *= schedule_factor(experiment.schedule, {.step = 1, .total_steps = 20});
    ToyRun constant_rate(on_cpu(), constant, data);
    cpu.steps(0, 12);
    cuda.steps(0, 12);
    constant_rate.steps(0, 12);
    CHECK(cuda.backend().recording_counts().replayed == 10);
    CHECK(cuda.distance(cpu) < 1e-4);
    CHECK(constant_rate.distance(cpu) > 1e-2);
  }
}

TEST_CASE("no step takes memory, recorded or not", "[cuda]") {
  const ToyNet net = toy_nets()[2];
  const Dataset data = toy_dataset(net.image);
  for (const auto& [name, optimizer] : toy_optimizers()) {
    CAPTURE(name);
    Experiment experiment = toy_experiment(net);
    experiment.optimizer = optimizer;
    experiment.sampling.scheme = SamplingScheme::uniform;
    CountingBackend backend(on_cuda());
    Trainer trainer(backend, experiment, data);
    backend.counts.clear();
    const std::size_t bytes = backend.allocated_bytes();
    CHECK(bytes > 0);
    for (int i = 0; i < 10; ++i) trainer.step(i);
    trainer.evaluate_test();
    CHECK(backend.count("allocate") == 0);
    CHECK(backend.allocated_bytes() == bytes);
  }
}
