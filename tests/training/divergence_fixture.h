// SPDX-License-Identifier: MIT
// Runs that meet numbers that are not finite.
#pragma once

#include <cmath>
#include <functional>
#include <limits>

#include "small_run.h"
#include <dropmuon/core/log.h>

namespace dropmuon {

inline constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// Does something after chosen steps, keeps checkpoints as a run folder would.
class Meddler final : public TrainObserver, public TrainSignals, public CheckpointKeeper {
 public:
  std::function<void(std::int64_t)> after_step = [](std::int64_t) {};
  std::vector<MetricsRow> rows;
  std::vector<Checkpoint> checkpoints;
  int rollbacks = 0;
  bool stop = false;

  TrainHooks hooks() { return {*this, *this, *this}; }
  void on_step(std::int64_t steps_done) override { after_step(steps_done); }
  void on_metrics(const MetricsRow& row) override { rows.push_back(row); }
  bool stop_requested() override { return stop; }
  void keep(const Checkpoint& checkpoint, bool) override { checkpoints.push_back(checkpoint); }
  std::optional<Checkpoint> newest() override {
    if (checkpoints.empty()) return std::nullopt;
    return checkpoints.back();
  }
  void on_rollback(std::int64_t step) override {
    ++rollbacks;
    while (rows.back()[Metric::step] > static_cast<double>(step)) rows.pop_back();
  }
};

inline Experiment experiment_with(NonFinite policy) {
  Experiment e = small_experiment();
  e.train.non_finite.policy = policy;
  e.train.epochs = 2;  // 12 steps
  e.train.checkpoint.every_epochs.reset();
  e.train.checkpoint.best = false;
  return e;
}

inline void poison(Trainer& trainer, Backend& backend, std::size_t param) {
  backend.upload(trainer.network().params()[param].value, &kNaN, sizeof(float));
}

inline bool all_finite(const Checkpoint& checkpoint) {
  for (const auto* tensors : {&checkpoint.weights, &checkpoint.optimizer}) {
    for (const NamedTensor& tensor : *tensors) {
      for (const float value : tensor.values) {
        if (!std::isfinite(value)) return false;
      }
    }
  }
  return true;
}

// Warnings are expected here.
struct Quiet {
  Quiet() { log::set_level(log::Level::off); }
  ~Quiet() { log::set_level(log::Level::info); }
};

}  // namespace dropmuon
