// SPDX-License-Identifier: MIT
// Losses, gradients and weights that are not finite: stop at them, or leave out their step.
#include "catch.h"
#include "counting_backend.h"
#include "divergence_fixture.h"

using namespace dropmuon;

namespace {

// Spoils the loss or the gradient of chosen steps, on the way from the device.
enum class Spoiled { loss, gradient };
class SpoilingBackend final : public CountingBackend {
 public:
  using CountingBackend::CountingBackend;
  std::function<bool()> now = [] { return false; };
  Spoiled what = Spoiled::loss;

  void softmax_cross_entropy(const SoftmaxCrossEntropy& a) override {
    CountingBackend::softmax_cross_entropy(a);
    if (a.dlogits == nullptr || !now()) return;
    if (what == Spoiled::loss) {
      a.sums->loss = std::numeric_limits<double>::infinity();
    } else {
      a.dlogits[0] = kNaN;
    }
  }
};

}  // namespace

TEST_CASE("looking at every step before it counts changes nothing") {
  Experiment experiment = experiment_with(NonFinite::stop);
  for (const OptimizerType optimizer : {OptimizerType::muon, OptimizerType::adamw}) {
    experiment.optimizer.type = optimizer;
    experiment.train.non_finite.policy = NonFinite::stop;
    const Finished plain = run_small(experiment);
    experiment.train.non_finite.policy = NonFinite::skip;
    const Finished looking = run_small(experiment);
    CHECK(same_bits(plain.weights, looking.weights));
    CHECK(plain.result.last[Metric::running_loss] == looking.result.last[Metric::running_loss]);
    CHECK(looking.result.skipped_steps == 0);
    CHECK(looking.result.layers == plain.result.layers);
    CHECK(looking.result.layer_updates == plain.result.layer_updates);
  }
}

TEST_CASE("skip leaves out the step whose loss or gradient is not finite, and only that", "[cpu]") {
  const Quiet quiet;
  Experiment experiment = experiment_with(NonFinite::skip);
  experiment.sampling.scheme = SamplingScheme::full;
  for (const OptimizerType optimizer : {OptimizerType::muon, OptimizerType::adamw}) {
    experiment.optimizer.type = optimizer;
    for (const Spoiled what : {Spoiled::loss, Spoiled::gradient}) {
      for (const std::int64_t bad : {0, 3, 11}) {
        CAPTURE(static_cast<int>(optimizer), static_cast<int>(what), bad);
        SpoilingBackend backend(test_backend());
        Trainer trainer(backend, experiment, small_dataset(experiment));
        backend.what = what;
        backend.now = [&] { return trainer.steps_done() == bad; };
        Meddler meddler;
        const TrainResult result = trainer.run(meddler.hooks());
        CHECK(result.status == TrainStatus::done);
        CHECK(result.skipped_steps == 1);
        CHECK(result.layer_updates[0] == 11);
        for (const MetricsRow& row : meddler.rows) {
          CHECK(std::isfinite(row[Metric::running_loss]));
        }
        // The same steps, the bad one never taken.
        const auto other = test_backend();
        Trainer without(*other, experiment, small_dataset(experiment));
        for (std::int64_t i = 0; i < 12; ++i) {
          if (i != bad) without.step(i);
        }
        CHECK(same_bits(weights_of(trainer, backend), weights_of(without, *other)));
      }
    }
  }
}

TEST_CASE("the running loss of an interval is that of the steps that counted", "[cpu]") {
  const Quiet quiet;
  Experiment experiment = experiment_with(NonFinite::skip);
  const auto first_loss = [&](int log_every, std::int64_t bad) {
    experiment.train.log_every_steps = log_every;
    SpoilingBackend backend(test_backend());
    Trainer trainer(backend, experiment, small_dataset(experiment));
    backend.now = [&] { return trainer.steps_done() == bad; };
    Meddler meddler;
    trainer.run(meddler.hooks());
    return meddler.rows.at(1)[Metric::running_loss];  // the row before is the evaluation at step 0
  };
  CHECK(first_loss(4, 3) == first_loss(3, 99));  // of steps 0, 1 and 2
  CHECK(first_loss(4, 3) != first_loss(4, 99));
}

TEST_CASE("skip gives up after too many bad steps in a row, and good ones in between count",
          "[cpu]") {
  const Quiet quiet;
  Experiment experiment = experiment_with(NonFinite::skip);
  experiment.train.non_finite.max_skips = 2;
  for (const bool in_a_row : {true, false}) {
    CAPTURE(in_a_row);
    SpoilingBackend backend(test_backend());
    Trainer trainer(backend, experiment, small_dataset(experiment));
    backend.what = Spoiled::gradient;
    backend.now = [&] {
      const std::int64_t step = trainer.steps_done();
      return in_a_row ? step >= 4 && step < 7 : step % 3 != 0;
    };
    Meddler meddler;
    const TrainResult result = trainer.run(meddler.hooks());
    CHECK(result.status == (in_a_row ? TrainStatus::diverged : TrainStatus::done));
    CHECK(result.skipped_steps == (in_a_row ? 3 : 8));
    CHECK(result.steps == (in_a_row ? 7 : 12));
    CHECK_THAT(result.problem, Catch::Contains(in_a_row ? "the gradient of layers." : ""));
    for (const Checkpoint& checkpoint : meddler.checkpoints) CHECK(all_finite(checkpoint));
  }
}

TEST_CASE("a resume remembers how many steps were left out, in all and in a row", "[cpu]") {
  const Quiet quiet;
  Experiment experiment = experiment_with(NonFinite::skip);
  experiment.train.checkpoint.every_steps = 1;
  experiment.train.non_finite.max_skips = 2;
  SpoilingBackend backend(test_backend());
  const auto run = [&](const Checkpoint* from, std::int64_t first_bad, std::int64_t last_bad) {
    Trainer trainer(backend, experiment, small_dataset(experiment));
    if (from != nullptr) trainer.restore(*from);
    backend.now = [&] {
      return trainer.steps_done() >= first_bad && trainer.steps_done() <= last_bad;
    };
    Meddler meddler;
    const TrainResult result = trainer.run(meddler.hooks());
    backend.now = [] { return false; };
    return std::pair(result, meddler.checkpoints);
  };
  const auto [uncut, checkpoints] = run(nullptr, 3, 4);
  CHECK(uncut.skipped_steps == 2);
  REQUIRE(checkpoints.size() == 12);
  CHECK(run(&checkpoints[4], 99, 99).first.skipped_steps == 2);
  CHECK(run(&checkpoints[4], 5, 5).first.status == TrainStatus::diverged);  // the third in a row
  CHECK(run(&checkpoints[5], 6, 6).first.status == TrainStatus::done);
}

TEST_CASE("a loss that is not finite is noticed before a checkpoint is made of it", "[cpu]") {
  const Quiet quiet;
  Experiment experiment = experiment_with(NonFinite::stop);
  experiment.train.checkpoint.every_steps = 1;
  experiment.train.log_every_steps = 100;
  experiment.train.eval_every_epochs.reset();
  SpoilingBackend backend(test_backend());
  Trainer trainer(backend, experiment, small_dataset(experiment));
  backend.now = [&] { return trainer.steps_done() == 4; };
  Meddler meddler;
  const TrainResult result = trainer.run(meddler.hooks());
  CHECK(result.status == TrainStatus::diverged);
  CHECK(result.steps == 5);
  CHECK(result.problem == "after step 5: the training loss is inf");
  CHECK(meddler.checkpoints.size() == 4);
}

TEST_CASE("a weight that is not finite is found wherever it is, and no checkpoint holds it") {
  const Quiet quiet;
  Experiment experiment = experiment_with(NonFinite::stop);
  experiment.train.checkpoint.every_steps = 1;
  experiment.train.log_every_steps = 100;
  experiment.train.eval_every_epochs.reset();
  constexpr std::size_t kParams = 8;
  for (std::size_t param = 0; param < kParams; ++param) {
    for (const std::int64_t at : {1, 6, 11}) {
      CAPTURE(param, at);
      const auto backend = test_backend();
      Trainer trainer(*backend, experiment, small_dataset(experiment));
      REQUIRE(trainer.network().params().size() == kParams);
      Meddler meddler;
      meddler.after_step = [&](std::int64_t done) {
        if (done == at) poison(trainer, *backend, param);
      };
      const TrainResult result = trainer.run(meddler.hooks());
      CHECK(result.status == TrainStatus::diverged);
      CHECK(result.steps == at);
      CHECK_THAT(result.problem, Catch::Contains(trainer.network().params()[param].name));
      REQUIRE(meddler.checkpoints.size() == static_cast<std::size_t>(at) - 1);
      for (const Checkpoint& checkpoint : meddler.checkpoints) CHECK(all_finite(checkpoint));
    }
  }
}

TEST_CASE("a budget of seconds ends the run as done, with an evaluation and a checkpoint") {
  Experiment experiment = experiment_with(NonFinite::stop);
  experiment.train.epochs = 100000;
  experiment.train.eval_every_epochs.reset();
  experiment.train.max_seconds = 1;
  const auto backend = test_backend();
  Trainer trainer(*backend, experiment, small_dataset(experiment));
  Meddler meddler;
  const TrainResult result = trainer.run(meddler.hooks());
  CHECK(result.status == TrainStatus::done);
  CHECK(result.last[Metric::train_seconds] >= 1.0);
  CHECK(meddler.rows.back().has(Metric::test_accuracy));
  CHECK(meddler.rows.back()[Metric::step] == static_cast<double>(result.steps));
  REQUIRE(meddler.checkpoints.size() == 1);
  CHECK(meddler.checkpoints.back().step == result.steps);
  // Killed before it could say that it was done: no step is added.
  Trainer again(*backend, experiment, small_dataset(experiment));
  again.restore(meddler.checkpoints.back());
  Meddler idle;
  CHECK(again.run(idle.hooks()).steps == result.steps);
  CHECK(idle.rows.empty());
}
