// SPDX-License-Identifier: MIT
// How long to train, in what pieces, and when to look.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <dropmuon/dataset/batcher.h>
#include <dropmuon/dataset/dataset.h>
#include <dropmuon/engine/model_options.h>
#include <dropmuon/optim/layer_sampler.h>
#include <dropmuon/optim/optimizer.h>
#include <dropmuon/optim/schedule.h>

namespace dropmuon {

enum class TargetMetric { train_accuracy, test_accuracy, train_loss, test_loss };

struct Target {
  TargetMetric metric = TargetMetric::test_accuracy;
  double value = 0.0;
  bool stop_at_target = true;
};

// When the state of a run is saved; at its end and when it is stopped it always is.
struct CheckpointOptions {
  std::optional<int> every_epochs = 1;
  std::optional<std::int64_t> every_steps;
  int keep = 2;      // the newest so many, and the best
  bool best = true;  // save at every evaluation with a new best test accuracy, too
};

// What to do about a loss or a tensor that is no longer finite.
enum class NonFinite {
  stop,      // the run has diverged
  skip,      // leave out the step: loss and gradients are looked at before any layer moves
  rollback,  // go back to the last checkpoint, with half the learning rate
};

struct NonFiniteOptions {
  NonFinite policy = NonFinite::stop;
  int max_skips = 10;  // in a row; one more and the run has diverged
  int max_rollbacks = 3;
};

struct TrainOptions {
  int epochs = 20;
  int batch_size = 8192;
  int micro_batch = 0;                           // 0: auto
  std::optional<std::int64_t> max_steps;         // ends earlier than epochs if set
  std::optional<std::int64_t> eval_every_steps;  // in addition to eval_every_epochs
  std::optional<int> eval_every_epochs = 1;
  int eval_train_images = 10000;  // the fixed sample that train accuracy is measured on
  int log_every_steps = 10;
  std::optional<std::int64_t> max_seconds;  // of training: a budget that ends the run
  std::optional<std::string> init_from;     // weights to start from: see find_weights()
  NonFiniteOptions non_finite;
  std::optional<Target> target;
  CheckpointOptions checkpoint;
};

// A step takes a whole batch; images of an epoch that fill none are left out of it.
std::int64_t steps_per_epoch(const TrainOptions& options, int train_images);

// Of a run that nothing ends early: all epochs, or max_steps.
std::int64_t training_steps(const TrainOptions& options, int train_images);

// Everything that decides the numbers of a run, and nothing about where it is written.
struct Experiment {
  std::uint64_t seed = 0;
  DatasetOptions data;
  AugmentOptions augment;
  ModelOptions model;
  OptimizerOptions optimizer;
  SamplingOptions sampling;
  ScheduleOptions schedule;
  TrainOptions train;
};

}  // namespace dropmuon
