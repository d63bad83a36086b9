// SPDX-License-Identifier: MIT
// Keys of `train`, `checkpoint` and `log`, and the checks that need more than one key.
#include "keys.h"

namespace dropmuon {
namespace {

constexpr std::uint64_t kManySteps = 1'000'000'000'000;
constexpr std::uint64_t kManyImages = 1'000'000'000;

// The keys of a target are only reached while there is one.
std::vector<ConfigKey> target_keys() {
  return {
      choice_key<TargetMetric>("train.target.metric",
                               {{TargetMetric::train_accuracy, "train_accuracy"},
                                {TargetMetric::test_accuracy, "test_accuracy"},
                                {TargetMetric::train_loss, "train_loss"},
                                {TargetMetric::test_loss, "test_loss"}},
                               "What is watched.", DM_FIELD(experiment.train.target->metric)),
      number_key("train.target.value", {"> 0", [](double x) { return x > 0.0; }},
                 "Required: at least this accuracy (a fraction) or at most this loss.",
                 DM_FIELD(experiment.train.target->value)),
      flag_key("train.target.stop_at_target", "End the run there.",
               DM_FIELD(experiment.train.target->stop_at_target)),
  };
}

bool is_accuracy(TargetMetric metric) {
  return metric == TargetMetric::train_accuracy || metric == TargetMetric::test_accuracy;
}

std::optional<ConfigProblem> per_layer_problem(const char* path, std::size_t values,
                                               std::size_t layers) {
  if (values == 1 || values == layers) return std::nullopt;
  return ConfigProblem{path, fmt::format("expected one value, or one for each of the {} entries of "
                                         "model.channels; found {}",
                                         layers, values)};
}

}  // namespace

std::vector<ConfigKey> train_keys() {
  std::vector<ConfigKey> keys = {
      integer_key("train.epochs", {1, 1'000'000}, "Passes over the training images.",
                  DM_FIELD(experiment.train.epochs)),
      integer_key("train.batch_size", {1, kManyImages}, "Images per step.",
                  DM_FIELD(experiment.train.batch_size)),
      integer_key("train.micro_batch", {1, kManyImages, "auto"},
                  "Images computed at once; their gradients are summed up to the batch.",
                  DM_FIELD(experiment.train.micro_batch)),
      integer_key("train.max_steps", {1, kManySteps},
                  "End after so many steps even if epochs are left.",
                  DM_FIELD(experiment.train.max_steps)),
      integer_key("train.eval_every_steps", {1, kManySteps},
                  "Evaluate every N steps, besides every N epochs.",
                  DM_FIELD(experiment.train.eval_every_steps)),
      integer_key("train.eval_every_epochs", {1, 1'000'000}, "Evaluate every N epochs.",
                  DM_FIELD(experiment.train.eval_every_epochs)),
      integer_key("train.eval_train_images", {1, kManyImages},
                  "Size of the fixed sample that train accuracy is measured on.",
                  DM_FIELD(experiment.train.eval_train_images)),
      beside_rollbacks(integer_key("train.log_every_steps", {1, kManyImages},
                                   "Write metrics every N steps.",
                                   DM_FIELD(experiment.train.log_every_steps))),
      integer_key("train.max_seconds", {1, kManyImages},
                  "End after the step that uses up so many seconds of training.",
                  DM_FIELD(experiment.train.max_seconds)),
      // The loader of the weights says what is wrong with it.
      path_key("train.init_from", "a path",
               "Start from these weights: a run folder, a checkpoint, or a weights file.",
               DM_FIELD(experiment.train.init_from)),
      choice_key<NonFinite>(
          "train.non_finite.policy",
          {{NonFinite::stop, "stop"}, {NonFinite::skip, "skip"}, {NonFinite::rollback, "rollback"}},
          "stop: the run has diverged; skip: leave out the step (looks at every "
          "step, and costs time); rollback: last checkpoint, half the rate.",
          DM_FIELD(experiment.train.non_finite.policy)),
      integer_key("train.non_finite.max_skips", {0, kManyImages},
                  "skip: so many steps in a row at most.",
                  DM_FIELD(experiment.train.non_finite.max_skips)),
      integer_key("train.non_finite.max_rollbacks", {0, 100}, "rollback: so many times at most.",
                  DM_FIELD(experiment.train.non_finite.max_rollbacks)),
      beside_rollbacks(
          integer_key("checkpoint.every_epochs", {1, 1'000'000},
                      "Save the state every N epochs; at the end and when stopped it always is.",
                      DM_FIELD(experiment.train.checkpoint.every_epochs))),
      beside_rollbacks(integer_key("checkpoint.every_steps", {1, kManySteps},
                                   "Save the state every N steps, besides every N epochs.",
                                   DM_FIELD(experiment.train.checkpoint.every_steps))),
      beside(integer_key("checkpoint.keep", {1, 1000},
                         "Checkpoints that are kept: the newest N, and the best.",
                         DM_FIELD(experiment.train.checkpoint.keep))),
      beside_rollbacks(
          flag_key("checkpoint.best",
                   "Save the state at every evaluation with a new best test accuracy, too.",
                   DM_FIELD(experiment.train.checkpoint.best))),
      beside(flag_key("log.tensorboard", "Write an event file for TensorBoard too.",
                      DM_FIELD(log.tensorboard))),
  };
  for (ConfigKey& key : target_keys()) keys.push_back(std::move(key));
  return keys;
}

std::optional<ConfigProblem> find_problem(const RunConfig& config) {
  const Experiment& experiment = config.experiment;
  const std::size_t layers = experiment.model.channels.size();
  if (auto problem = per_layer_problem("model.kernel", experiment.model.kernel.size(), layers)) {
    return problem;
  }
  if (auto problem = per_layer_problem("model.pool", experiment.model.pool.size(), layers)) {
    return problem;
  }
  if (experiment.sampling.scheme == SamplingScheme::weights &&
      experiment.sampling.weights.empty()) {
    return ConfigProblem{"sampling.scheme",
                         "scheme weights needs sampling.weights, one number per layer"};
  }
  const OptimizerOptions& optimizer = experiment.optimizer;
  if (optimizer.type != OptimizerType::sgd && optimizer.lr * optimizer.weight_decay > 1.0) {
    return ConfigProblem{"optimizer.weight_decay",
                         "lr times weight_decay is above 1: every step would flip the weights"};
  }
  if (const std::optional<Target>& target = experiment.train.target) {
    if (target->value <= 0.0) {
      return ConfigProblem{"train.target.value", "a target needs a value, such as 0.9"};
    }
    if (is_accuracy(target->metric) && target->value > 1.0) {
      return ConfigProblem{
          "train.target.value",
          fmt::format("expected an accuracy as a fraction, at most 1; found {}", target->value)};
    }
  }
  return std::nullopt;
}

}  // namespace dropmuon
