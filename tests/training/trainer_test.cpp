// SPDX-License-Identifier: MIT
#include <chrono>
#include <thread>

#include "catch.h"
#include "clock_metrics.h"
#include "counting_backend.h"
#include "small_run.h"
#include <dropmuon/core/error.h>

using namespace dropmuon;

namespace {

void check_same_rows(const std::vector<MetricsRow>& a, const std::vector<MetricsRow>& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t r = 0; r < a.size(); ++r) {
    for (std::size_t i = 0; i < kMetricCount; ++i) {
      const auto metric = static_cast<Metric>(i);
      CAPTURE(r, name_of(metric));
      REQUIRE(a[r].has(metric) == b[r].has(metric));
      if (!is_time(metric)) CHECK(a[r][metric] == b[r][metric]);
    }
  }
}

std::vector<OptimizerOptions> all_optimizers() {
  OptimizerOptions sgd{
      .type = OptimizerType::sgd, .lr = 0.02, .momentum = 0.9, .weight_decay = 0.01};
  OptimizerOptions adamw{.type = OptimizerType::adamw, .lr = 0.002, .weight_decay = 0.01};
  OptimizerOptions muon{.lr = 0.02, .weight_decay = 0.01};
  return {muon, sgd, adamw};
}

using Clock = std::chrono::steady_clock;

double seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

// Takes its time wherever the run's clock should be paused.
class Dawdler final : public TrainObserver, public TrainSignals, public CheckpointKeeper {
 public:
  TrainHooks hooks() { return {*this, *this, *this}; }
  void on_step(std::int64_t) override {}
  void on_metrics(const MetricsRow&) override { sleep(&rows); }
  bool stop_requested() override { return false; }
  void keep(const Checkpoint&, bool) override { sleep(&checkpoints); }
  std::optional<Checkpoint> newest() override { return std::nullopt; }
  int rows = 0;
  int checkpoints = 0;
  Clock::duration slept{};

 private:
  void sleep(int* calls) {
    const auto begin = Clock::now();
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    slept += Clock::now() - begin;
    ++*calls;
  }
};

}  // namespace

TEST_CASE("the same run twice gives the same metrics and the same bits") {
  for (const OptimizerOptions& optimizer : all_optimizers()) {
    Experiment experiment = small_experiment();
    experiment.optimizer = optimizer;
    experiment.augment = {.crop = 2, .flip = true};
    const Finished first = run_small(experiment);
    const Finished second = run_small(experiment);
    CHECK(same_bits(first.weights, second.weights));
    check_same_rows(first.rows, second.rows);
    experiment.seed = 4;
    CHECK_FALSE(same_bits(first.weights, run_small(experiment).weights));
  }
}

TEST_CASE("oracle 16: through whole steps, frozen layers keep their weights bit for bit") {
  for (const OptimizerOptions& optimizer : all_optimizers()) {
    Experiment experiment = small_experiment();
    experiment.optimizer = optimizer;
    const auto backend = test_backend();
    Trainer trainer(*backend, experiment, small_dataset(experiment));
    trainer.step(0, ActiveSet::all(4));
    int index = 1;
    for (const auto& layers : {std::vector<int>{3}, {1, 2, 3}, {0, 2}, {2, 3}, {1}}) {
      const ActiveSet active = ActiveSet::of(layers, 4);
      CAPTURE(active.text());
      std::vector<std::vector<float>> before;
      for (int layer = 0; layer < 4; ++layer)
        before.push_back(weights_of(trainer, *backend, layer));
      trainer.step(index++, active);
      for (int layer = 0; layer < 4; ++layer) {
        CAPTURE(layer);
        CHECK(same_bits(before[static_cast<std::size_t>(layer)],
                        weights_of(trainer, *backend, layer)) == !active.contains(layer));
      }
    }
  }
}

TEST_CASE("oracle 21: degenerate schemes follow full Muon bit for bit") {
  Experiment experiment = small_experiment();
  experiment.sampling.scheme = SamplingScheme::full;
  const Finished full = run_small(experiment);
  for (const SamplingOptions& options :
       {SamplingOptions{.scheme = SamplingScheme::weights, .weights = {1, 0, 0, 0}},
        SamplingOptions{.scheme = SamplingScheme::tau_nice, .tau = 4},
        SamplingOptions{.scheme = SamplingScheme::bernoulli, .probability = 1.0}}) {
    experiment.sampling = options;
    CHECK(same_bits(run_small(experiment).weights, full.weights));
  }
  experiment.sampling = {.scheme = SamplingScheme::weights, .weights = {0, 0, 0, 1}};
  const Finished last = run_small(experiment);
  CHECK(last.result.layer_updates == std::vector<std::int64_t>{0, 0, 0, 18});
  CHECK(last.result.start_counts == std::vector<std::int64_t>{0, 0, 0, 18});
}

TEST_CASE("oracle 20: masking a full backward pass and truncating it give the same weights") {
  for (const SamplingScheme scheme : {SamplingScheme::uniform, SamplingScheme::tau_nice}) {
    Experiment experiment = small_experiment();
    experiment.sampling = {.scheme = scheme, .tau = 2};
    const Finished truncated = run_small(experiment);
    experiment.sampling.truncate = Truncate::no;
    const Finished masked = run_small(experiment);
    CHECK(same_bits(truncated.weights, masked.weights));
    CHECK(truncated.result.last[Metric::flops] < masked.result.last[Metric::flops]);
  }
}

TEST_CASE("the cut into micro-batches changes rounding only") {
  Experiment experiment = small_experiment();
  experiment.optimizer.type = OptimizerType::sgd;  // Newton-Schulz amplifies rounding
  experiment.train.micro_batch = 33;
  const Finished whole = run_small(experiment);
  for (const int micro : {1, 7, 32}) {
    experiment.train.micro_batch = micro;
    CAPTURE(micro);
    const Finished cut = run_small(experiment);
    CHECK(relative_error(cut.weights, widen(whole.weights)) < 1e-5);
    for (const Metric metric : {Metric::test_loss, Metric::train_loss, Metric::running_loss}) {
      CHECK(cut.result.last[metric] == Approx(whole.result.last[metric]).epsilon(1e-4));
    }
  }
}

TEST_CASE("training learns the synthetic set with every optimizer, dropped or not", "[large]") {
  for (const OptimizerOptions& optimizer : all_optimizers()) {
    for (const SamplingScheme scheme : {SamplingScheme::full, SamplingScheme::uniform}) {
      Experiment experiment = small_experiment();
      experiment.data.train_limit = 1000;
      experiment.model.channels = {8, 16};
      experiment.train.epochs = 6;
      experiment.train.batch_size = 50;
      experiment.optimizer = optimizer;
      experiment.sampling.scheme = scheme;
      const Finished run = run_small(experiment);
      CAPTURE(static_cast<int>(optimizer.type), static_cast<int>(scheme));
      CHECK(run.rows.front()[Metric::test_accuracy] < 0.4);
      CHECK(run.result.last[Metric::test_accuracy] > 0.8);
    }
  }
}

TEST_CASE("a loss that is not finite ends the run as diverged") {
  Experiment experiment = small_experiment();
  experiment.optimizer = {.type = OptimizerType::sgd, .lr = 1e30};
  experiment.optimizer.momentum = 0.9;
  const Finished run = run_small(experiment);
  CHECK(run.result.status == TrainStatus::diverged);
  // The first log row after the bad step ends it, before the evaluation at step 6 would.
  CHECK(run.result.last[Metric::step] == 4);
}

TEST_CASE("a stop request finishes the step and adds no row that an uncut run would not have") {
  const Finished run = run_small(small_experiment(), 5);
  CHECK(run.result.status == TrainStatus::stopped);
  CHECK(run.result.last[Metric::step] == 4);
  CHECK(run.rows.back()[Metric::step] == 4);
  CHECK(run.result.steps == 5);
}

TEST_CASE("the target ends the run at the first evaluation that meets it, if it should") {
  Experiment experiment = small_experiment();
  experiment.train.eval_every_steps = 2;
  experiment.train.target = {
      .metric = TargetMetric::train_loss, .value = 2.2, .stop_at_target = true};
  const Finished run = run_small(experiment);
  REQUIRE(run.result.target);
  CHECK(run.result.target->step == static_cast<std::int64_t>(run.result.last[Metric::step]));
  CHECK(run.result.target->samples == 33 * run.result.target->step);
  CHECK(run.result.target->seconds == run.rows.back()[Metric::train_seconds]);
  CHECK(run.rows.back()[Metric::train_loss] <= 2.2);
  CHECK(run.result.target->step < 18);
  experiment.train.target->stop_at_target = false;
  const Finished on = run_small(experiment);
  CHECK(on.result.target->step == run.result.target->step);
  CHECK(on.result.last[Metric::step] == 18);
}

TEST_CASE("the clock counts training only: evaluating more often does not cost time") {
  Experiment experiment = small_experiment();
  experiment.train.eval_every_steps = 1;
  experiment.train.eval_train_images = 200;
  const Finished run = run_small(experiment);
  const MetricsRow& last = run.result.last;
  const double phases = last[Metric::forward_seconds] + last[Metric::backward_seconds] +
                        last[Metric::optimizer_seconds];
  // Evaluation is 18 x 1224 images against 18 x 33 of training; were it counted, train_s would be
  // many times the phases, which only tick inside steps.
  CHECK(last[Metric::train_seconds] < 2.0 * phases + 0.05);
  CHECK(last[Metric::train_seconds] >= phases);
}

TEST_CASE("the clock counts training only: what observers do with rows and checkpoints is free") {
  Experiment experiment = small_experiment();
  experiment.train.log_every_steps = 2;
  experiment.train.eval_every_epochs.reset();  // but at the start and at the end
  experiment.train.checkpoint.every_steps = 2;
  const auto backend = test_backend();
  Trainer trainer(*backend, experiment, small_dataset(experiment));
  Dawdler observer;
  const auto begin = Clock::now();
  const TrainResult result = trainer.run(observer.hooks());
  const auto wall = Clock::now() - begin;
  CHECK(observer.rows == 11);
  CHECK(observer.checkpoints >= 9);
  CHECK(result.last[Metric::train_seconds] > 0.0);
  // However busy the machine is, no moment is counted twice.
  CHECK(result.last[Metric::train_seconds] + seconds(observer.slept) <= seconds(wall));
}

TEST_CASE("oracle 25: perf/flops adds up the FLOP counter's cost of each drawn set") {
  Experiment experiment = small_experiment();
  const auto backend = test_backend();
  Trainer trainer(*backend, experiment, small_dataset(experiment));
  const auto costs = trainer.network().costs();
  Recorder recorder;
  const TrainResult result = trainer.run(recorder.hooks());
  double expected = 0.0;
  for (int s = 0; s < 4; ++s) {
    expected += static_cast<double>(result.start_counts[static_cast<std::size_t>(s)]) * 33 *
                step_flops_per_image(costs, ActiveSet::suffix(s, 4));
  }
  CHECK(result.last[Metric::flops] == Approx(expected).epsilon(1e-12));
}

TEST_CASE("a batch larger than the training set is refused by its key") {
  Experiment experiment = small_experiment();
  experiment.train.batch_size = 201;
  CHECK_THROWS_WITH(run_small(experiment), Catch::Contains("train.batch_size"));
}

TEST_CASE("no step allocates: whatever it needs was taken before the first") {
  for (const OptimizerOptions& optimizer : all_optimizers()) {
    Experiment experiment = small_experiment();  // micro-batches of 16, 16 and 1
    experiment.optimizer = optimizer;
    CountingBackend backend(test_backend());
    Trainer trainer(backend, experiment, small_dataset(experiment));
    backend.counts.clear();
    for (int s = 0; s < 4; ++s) trainer.step(s, ActiveSet::suffix(s, 4));
    trainer.evaluate_test();
    CHECK(backend.count("allocate") == 0);
    CHECK(backend.count("conv2d[0].prepare") == 0);
    CHECK(backend.count("conv2d[0].backward_filter") == 3);
  }
}

TEST_CASE("a stop request on the last step does not make a complete run a stopped one") {
  const Experiment experiment = small_experiment();
  CHECK(run_small(experiment, 18).result.status == TrainStatus::done);
}
