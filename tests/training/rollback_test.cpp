// SPDX-License-Identifier: MIT
// Numbers that are not finite: back to the last checkpoint with a smaller learning rate.
#include "catch.h"
#include "divergence_fixture.h"

using namespace dropmuon;

TEST_CASE("rollback goes on from the last checkpoint with half the learning rate") {
  const Quiet quiet;
  Experiment experiment = experiment_with(NonFinite::rollback);
  experiment.train.checkpoint.every_steps = 5;
  const auto backend = test_backend();
  Trainer trainer(*backend, experiment, small_dataset(experiment));
  Meddler meddler;
  bool poisoned = false;
  meddler.after_step = [&](std::int64_t done) {
    if (done == 7 && !poisoned) poison(trainer, *backend, 0), poisoned = true;
  };
  const TrainResult result = trainer.run(meddler.hooks());
  CHECK(result.status == TrainStatus::done);
  CHECK(result.steps == 12);
  CHECK(result.rollbacks == 1);
  CHECK(result.problem.empty());
  CHECK(meddler.rollbacks == 1);
  for (const MetricsRow& row : meddler.rows) {
    if (!row.has(Metric::learning_rate)) continue;
    CHECK(row[Metric::learning_rate] ==
          experiment.optimizer.lr * (row[Metric::step] > 5 ? 0.5 : 1.0));
  }
  for (std::size_t i = 1; i < meddler.rows.size(); ++i) {  // no step twice, no cost undone
    CHECK(meddler.rows[i][Metric::step] >= meddler.rows[i - 1][Metric::step]);
    CHECK(meddler.rows[i][Metric::train_seconds] >= meddler.rows[i - 1][Metric::train_seconds]);
    CHECK(meddler.rows[i][Metric::flops] >= meddler.rows[i - 1][Metric::flops]);
  }
  // Steps 6, 7 and 8 were computed twice.
  Experiment plain = experiment_with(NonFinite::stop);
  CHECK(result.last[Metric::flops] > run_small(plain).result.last[Metric::flops]);
  for (const Checkpoint& checkpoint : meddler.checkpoints) CHECK(all_finite(checkpoint));
  // The count is part of the state.
  Trainer again(*backend, experiment, small_dataset(experiment));
  again.restore(meddler.checkpoints.back());
  Meddler idle;
  CHECK(again.run(idle.hooks()).rollbacks == 1);
}

TEST_CASE("rollback starts over before the first checkpoint, and gives up at its limit") {
  const Quiet quiet;
  Experiment experiment = experiment_with(NonFinite::rollback);
  const auto backend = test_backend();
  Trainer trainer(*backend, experiment, small_dataset(experiment));
  Meddler meddler;
  meddler.after_step = [&](std::int64_t done) {
    if (done == 3) poison(trainer, *backend, 2);
  };
  const TrainResult result = trainer.run(meddler.hooks());
  CHECK(result.status == TrainStatus::diverged);
  CHECK(result.rollbacks == experiment.train.non_finite.max_rollbacks);
  CHECK(meddler.rollbacks == 3);
  REQUIRE(meddler.checkpoints.size() == 1);
  CHECK(meddler.checkpoints[0].step == 0);
  CHECK(result.last[Metric::learning_rate] == experiment.optimizer.lr / 8);
}

TEST_CASE("a stop that is asked for where the run goes back stops it there") {
  const Quiet quiet;
  Experiment experiment = experiment_with(NonFinite::rollback);
  experiment.train.checkpoint.every_steps = 5;
  const auto backend = test_backend();
  Trainer trainer(*backend, experiment, small_dataset(experiment));
  Meddler meddler;
  meddler.after_step = [&](std::int64_t done) {
    if (done == 7) poison(trainer, *backend, 0), meddler.stop = true;
  };
  const TrainResult result = trainer.run(meddler.hooks());
  CHECK(result.status == TrainStatus::stopped);
  CHECK(result.rollbacks == 1);
  CHECK(result.steps == 5);
  CHECK(meddler.checkpoints.size() == 2);  // of steps 0 and 5, and none of step 7
}

TEST_CASE("a run that has no checkpoint to go back to has diverged, with its rows") {
  const Quiet quiet;
  Experiment experiment = experiment_with(NonFinite::rollback);
  experiment.train.log_every_steps = 1;
  const auto backend = test_backend();
  Trainer trainer(*backend, experiment, small_dataset(experiment));
  Meddler meddler;
  meddler.after_step = [&](std::int64_t done) {
    if (done == 3) poison(trainer, *backend, 0), meddler.checkpoints.clear();
  };
  const TrainResult result = trainer.run(meddler.hooks());
  CHECK(result.status == TrainStatus::diverged);
  CHECK(meddler.rollbacks == 0);
  CHECK(meddler.rows.back()[Metric::step] == static_cast<double>(result.steps));
}
