// SPDX-License-Identifier: MIT
// A run that was cut and went on is the run that was never cut, to the last bit.
#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "catch.h"
#include "checkpoint_fixture.h"
#include "clock_metrics.h"
#include "long_run.h"
#include "small_run.h"
#include <dropmuon/core/error.h>

using namespace dropmuon;

namespace {

constexpr int kSteps = 60;

Experiment experiment_of(OptimizerType optimizer, SamplingScheme scheme) {
  Experiment e = small_experiment();
  e.data.train_limit = 96;
  e.model.channels = {4, 5};
  e.optimizer = {.type = optimizer, .lr = 0.02};
  e.optimizer.nesterov = optimizer == OptimizerType::sgd ? Nesterov::yes : Nesterov::no;
  e.sampling.scheme = scheme;
  e.sampling.tau = 2;
  e.schedule = {.type = ScheduleType::cosine, .warmup_steps = 5};
  e.augment = {.crop = 2, .flip = true};
  e.train.epochs = 20;
  e.train.batch_size = 32;
  e.train.max_steps = kSteps;
  e.train.log_every_steps = 7;
  e.train.eval_every_steps = 13;
  e.train.eval_every_epochs.reset();
  e.train.eval_train_images = 32;
  e.train.checkpoint.every_epochs.reset();
  e.train.checkpoint.best = false;
  return e;
}

Dataset few_images(const Experiment& experiment) {
  constexpr int kTest = 32;
  static const Dataset whole = load_dataset(experiment.data);  // the same in all cases
  Dataset data = whole;
  data.test.labels.resize(kTest);
  data.test.images.resize(kTest * data.image.size());
  return data;
}

struct Ended {
  std::vector<MetricsRow> rows;
  Checkpoint end;          // weights, optimizer state and counters
  std::int64_t from = -1;  // the step that it went on after
};

bool same_row(const MetricsRow& a, const MetricsRow& b) {
  for (std::size_t i = 0; i < kMetricCount; ++i) {
    const auto metric = static_cast<Metric>(i);
    if (is_time(metric)) continue;
    if (a.has(metric) != b.has(metric)) return false;
    if (a.has(metric) && a[metric] != b[metric]) return false;
  }
  return a.layers == b.layers;
}

// All rows of the uncut run after the cut are there, and no others.
bool ends_like(const Ended& uncut, const Ended& resumed) {
  const auto rest = std::find_if(uncut.rows.begin(), uncut.rows.end(), [&](const MetricsRow& row) {
    return row[Metric::step] > static_cast<double>(resumed.from);
  });
  return std::equal(rest, uncut.rows.end(), resumed.rows.begin(), resumed.rows.end(), same_row) &&
         same_tensors(uncut.end.weights, resumed.end.weights) &&
         same_tensors(uncut.end.optimizer, resumed.end.optimizer);
}

// Runs from `from`, or from the start, to the end; `stop_after` steps later at the latest.
Ended run_from(const Experiment& experiment, const Checkpoint* from, Recorder& recorder,
               int threads = 0) {
  const auto backend = test_backend(threads);
  Trainer trainer(*backend, experiment, few_images(experiment));
  if (from != nullptr) trainer.restore(*from);
  trainer.run(recorder.hooks());
  return {recorder.rows, trainer.checkpoint(), from == nullptr ? -1 : from->step};
}

// What a later process finds.
Checkpoint through_files(const RunFolder& run, const Checkpoint& saved) {
  CheckpointStore(run.checkpoints(), 1).save(saved);
  const auto loaded = CheckpointStore(run.checkpoints(), 1).load_newest("");
  REQUIRE(loaded.has_value());
  REQUIRE(loaded->damaged.empty());
  return loaded->checkpoint;
}

// After every step with one thread; a step or several apart with two, which have to meet in every
// product of these tiny nets.
void check_every_cut(OptimizerType optimizer, SamplingScheme scheme, int threads) {
  const Experiment experiment = experiment_of(optimizer, scheme);
  Recorder plain;
  const Ended uncut = run_from(experiment, nullptr, plain, threads);
  REQUIRE(uncut.end.step == kSteps);
  Recorder saving;
  saving.every_step = true;
  REQUIRE(
      ends_like(uncut, run_from(experiment, nullptr, saving, threads)));  // saves change nothing
  REQUIRE(saving.checkpoints.size() == kSteps);
  const RunFolder run;
  for (int cut = 1; cut <= kSteps; cut += threads == 1 ? 1 : long_or(1, 7)) {
    CAPTURE(static_cast<int>(scheme), cut);
    Recorder rest;
    const Checkpoint at = through_files(run, saving.checkpoints[static_cast<std::size_t>(cut) - 1]);
    REQUIRE(at.step == cut);
    REQUIRE(ends_like(uncut, run_from(experiment, &at, rest, threads)));
  }
}

}  // namespace

TEST_CASE("an SGD run that is cut after any step goes on bit for bit", "[large]") {
  check_every_cut(OptimizerType::sgd, SamplingScheme::uniform, 1);
  check_every_cut(OptimizerType::sgd, SamplingScheme::tau_nice, 2);
}

TEST_CASE("an AdamW run that is cut after any step goes on bit for bit", "[large]") {
  check_every_cut(OptimizerType::adamw, SamplingScheme::uniform, 1);
  check_every_cut(OptimizerType::adamw, SamplingScheme::tau_nice, 2);
}

TEST_CASE("a Muon run that is cut after any step goes on bit for bit", "[large]") {
  check_every_cut(OptimizerType::muon, SamplingScheme::uniform, 1);
  check_every_cut(OptimizerType::muon, SamplingScheme::tau_nice, 2);
}

TEST_CASE("the best checkpoint is that of the best evaluation, whenever others are made") {
  Experiment experiment = experiment_of(OptimizerType::muon, SamplingScheme::uniform);
  experiment.train.eval_every_steps = 7;
  experiment.train.checkpoint.every_steps = 20;
  for (const bool best : {true, false}) {
    experiment.train.checkpoint.best = best;
    Recorder recorder;
    run_from(experiment, nullptr, recorder);
    std::int64_t expected = -1;
    double accuracy = 0.0;
    for (const MetricsRow& row : recorder.rows) {
      if (!row.has(Metric::test_accuracy) || row[Metric::test_accuracy] <= accuracy) continue;
      accuracy = row[Metric::test_accuracy];
      expected = static_cast<std::int64_t>(row[Metric::step]);
    }
    REQUIRE(expected > 0);
    CHECK(expected % 20 != 0);  // else this shows nothing
    CHECK(recorder.best_step == (best ? expected : -1));
    if (!best) CHECK(recorder.checkpoints.size() == 3);
  }
}

TEST_CASE("a run that is stopped and resumed twice goes on bit for bit") {
  const Experiment experiment = experiment_of(OptimizerType::muon, SamplingScheme::uniform);
  Recorder plain;
  const Ended uncut = run_from(experiment, nullptr, plain);
  for (const auto& [first, second] : {std::pair{1, 1}, {6, 20}, {13, 26}, {27, 1}, {40, 19}}) {
    CAPTURE(first, second);
    Recorder one(first);
    run_from(experiment, nullptr, one);
    REQUIRE(one.checkpoints.size() == 1);  // at the stop, and nowhere else
    REQUIRE(one.checkpoints.back().step == first);
    Recorder two(second);
    run_from(experiment, &one.checkpoints.back(), two);
    REQUIRE(two.checkpoints.back().step == first + second);
    Recorder three;
    CHECK(ends_like(uncut, run_from(experiment, &two.checkpoints.back(), three)));
    // No row is lost and none comes twice.
    CHECK(one.rows.size() + two.rows.size() + three.rows.size() == uncut.rows.size());
  }
}

TEST_CASE("the sampler, the counters and the target survive a resume") {
  Experiment experiment = experiment_of(OptimizerType::adamw, SamplingScheme::tau_nice);
  experiment.train.target = {.metric = TargetMetric::train_loss, .value = 2.2};
  experiment.train.target->stop_at_target = false;
  const auto backend = test_backend();
  Trainer whole(*backend, experiment, few_images(experiment));
  Recorder saving;
  saving.every_step = true;
  const TrainResult expected = whole.run(saving.hooks());
  REQUIRE(expected.target);
  const auto other = test_backend();
  Trainer resumed(*other, experiment, few_images(experiment));
  resumed.restore(saving.checkpoints[54]);
  Recorder rest;
  const TrainResult found = resumed.run(rest.hooks());
  CHECK(found.layer_updates == expected.layer_updates);
  CHECK(found.start_counts == expected.start_counts);
  CHECK(found.layers == expected.layers);
  CHECK(found.unmoved_layers == expected.unmoved_layers);
  CHECK(found.best_test_accuracy == expected.best_test_accuracy);
  REQUIRE(found.target);
  CHECK(found.target->step == expected.target->step);
  CHECK(found.target->flops == expected.target->flops);
}

TEST_CASE("a layer that stands still since before a cut is told as in a run without one") {
  Experiment experiment = experiment_of(OptimizerType::muon, SamplingScheme::epoch_shift);
  experiment.model.channels = {4, 5, 6};
  experiment.sampling.alpha = 40.0;  // all layers, from step 6 on the last alone
  experiment.train.epochs = 4;
  experiment.train.max_steps = 12;
  const auto backend = test_backend();
  Trainer whole(*backend, experiment, few_images(experiment));
  Recorder saving;
  saving.every_step = true;
  const TrainResult expected = whole.run(saving.hooks());
  for (const std::size_t cut : {2U, 6U, 11U}) {
    Trainer resumed(*backend, experiment, few_images(experiment));
    resumed.restore(saving.checkpoints[cut - 1]);
    Recorder rest;
    const TrainResult found = resumed.run(rest.hooks());
    CHECK(found.layers == expected.layers);
    CHECK(found.unmoved_layers == expected.unmoved_layers);
  }
}

// What an older version saved tells how often layers moved, not how far, nor when.
TEST_CASE("a checkpoint without changes and last moves is taken, and they fill up again") {
  Experiment experiment = experiment_of(OptimizerType::muon, SamplingScheme::weights);
  experiment.sampling.weights = {0.0, 0.5, 0.5};
  const auto backend = test_backend();
  Trainer whole(*backend, experiment, few_images(experiment));
  Recorder saving;
  saving.every_step = true;
  const TrainResult expected = whole.run(saving.hooks());
  REQUIRE(expected.unmoved_layers == std::vector<int>{1});
  Checkpoint old = saving.checkpoints[kSteps - 2];
  auto state = nlohmann::json::parse(old.state);
  state.erase("changes");
  state.erase("last_moves");
  old.state = state.dump(2);
  Trainer resumed(*backend, experiment, few_images(experiment));
  resumed.restore(old);
  Recorder rest;
  const TrainResult found = resumed.run(rest.hooks());
  CHECK(found.unmoved_layers == expected.unmoved_layers);
  REQUIRE(found.layers.size() == 3);
  CHECK(found.layers[2] == expected.layers[2]);  // moved in the last step, as in every one
  for (std::size_t layer = 0; layer < 3; ++layer) {
    CHECK(found.layers[layer].updates == expected.layers[layer].updates);
  }
}

TEST_CASE("the clock goes on where the checkpoint left it") {
  const Experiment experiment = experiment_of(OptimizerType::sgd, SamplingScheme::full);
  const auto backend = test_backend();
  Trainer trainer(*backend, experiment, few_images(experiment));
  Recorder recorder;
  trainer.run(recorder.hooks());
  Checkpoint late = trainer.checkpoint();
  const auto at = late.state.find("\"train_seconds\"");
  REQUIRE(at != std::string::npos);
  const auto colon = late.state.find(':', at);
  late.state.replace(colon, late.state.find_first_of(",\n", colon) - colon, ": 1000.5");
  late.step = kSteps - 10;
  Trainer again(*backend, experiment, few_images(experiment));
  again.restore(late);
  Recorder rest;
  const TrainResult result = again.run(rest.hooks());
  CHECK(result.last[Metric::train_seconds] > 1000.5);
  CHECK(result.last[Metric::train_seconds] < 1100.0);
}

TEST_CASE("a checkpoint of another run is refused with what differs") {
  const Experiment experiment = experiment_of(OptimizerType::muon, SamplingScheme::uniform);
  const auto backend = test_backend();
  Trainer trainer(*backend, experiment, few_images(experiment));
  Checkpoint good = trainer.checkpoint();
  const auto message = [&](const Checkpoint& checkpoint) -> std::string {
    try {
      trainer.restore(checkpoint);
    } catch (const Error& error) {
      CHECK(error.code() == ExitCode::bad_data);
      return error.what();
    }
    return "";
  };
  CHECK(message(good).empty());
  Checkpoint renamed = good;
  renamed.weights[1].name = "layers.7.bias";
  CHECK_THAT(message(renamed), Catch::Contains("layers.7.bias"));
  Checkpoint shorter = good;
  shorter.optimizer.pop_back();
  CHECK_THAT(message(shorter), Catch::Contains("optimizer tensors"));
  Checkpoint empty = good;
  empty.state = "{}";
  CHECK_THAT(message(empty), Catch::Contains("no state of a run"));
}

TEST_CASE("the seconds that earlier processes stood still are kept") {
  const Experiment experiment = experiment_of(OptimizerType::sgd, SamplingScheme::uniform);
  const auto backend = test_backend();
  Trainer first(*backend, experiment, few_images(experiment));
  Checkpoint cut = first.checkpoint();
  nlohmann::json state = nlohmann::json::parse(cut.state);
  const double own = state.at("paused_seconds");
  state["paused_seconds"] = 2.5;
  cut.state = state.dump();
  Trainer second(*backend, experiment, few_images(experiment));
  second.restore(cut);
  Recorder recorder;
  CHECK(second.run(recorder.hooks()).paused_seconds == Approx(2.5 + own));
  CHECK(nlohmann::json::parse(second.checkpoint().state).at("paused_seconds") == Approx(2.5 + own));
  state.erase("paused_seconds");  // as older versions wrote it
  cut.state = state.dump();
  second.restore(cut);
  CHECK(nlohmann::json::parse(second.checkpoint().state).at("paused_seconds") == Approx(own));
}
