// SPDX-License-Identifier: MIT
// A few steps on the synthetic set, small enough for tests.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "compare.h"
#include "test_backend.h"
#include <dropmuon/training/trainer.h>

namespace dropmuon {

inline Experiment small_experiment() {
  Experiment e;
  e.seed = 3;
  e.data = {.dataset = "synthetic", .train_limit = 200};
  e.model = {.channels = {5, 6, 7}};
  e.optimizer.lr = 0.02;
  e.train.epochs = 3;
  e.train.batch_size = 33;
  e.train.micro_batch = 16;
  e.train.eval_train_images = 50;
  e.train.log_every_steps = 4;
  return e;
}

// Remembers everything; asks to stop after `stop_after` steps if that is not negative.
class Recorder final : public TrainObserver, public TrainSignals, public CheckpointKeeper {
 public:
  explicit Recorder(std::int64_t stop_after = -1) : stop_after_(stop_after) {}
  TrainHooks hooks() { return {*this, *this, *this}; }
  void on_step(std::int64_t) override { ++steps_; }
  void on_metrics(const MetricsRow& row) override { rows.push_back(row); }
  bool stop_requested() override { return stop_after_ >= 0 && steps_ >= stop_after_; }
  bool checkpoint_requested() override { return every_step; }
  void keep(const Checkpoint& checkpoint, bool best) override {
    checkpoints.push_back(checkpoint);
    if (best) best_step = checkpoint.step;
  }
  std::optional<Checkpoint> newest() override { return std::nullopt; }
  std::vector<MetricsRow> rows;
  std::vector<Checkpoint> checkpoints;
  std::int64_t best_step = -1;
  bool every_step = false;  // ask for a checkpoint after every step

 private:
  std::int64_t stop_after_;
  std::int64_t steps_ = 0;
};

inline std::vector<float> weights_of(Trainer& trainer, Backend& backend, int layer = -1) {
  std::vector<float> all;
  for (const Param& param : trainer.network().params()) {
    if (layer >= 0 && param.layer != layer) continue;
    const std::size_t begin = all.size();
    all.resize(begin + param.size());
    backend.download(all.data() + begin, param.value, param.size() * sizeof(float));
  }
  return all;
}

struct Finished {
  TrainResult result;
  std::vector<MetricsRow> rows;
  std::vector<float> weights;
};

// The training images as configured; on an emulated device evaluating all test images takes long.
inline Dataset small_dataset(const Experiment& experiment) {
  constexpr int kFewer = 96;
  static std::map<std::string, Dataset> loaded;  // tests ask for the same few again and again
  const std::string key =
      fmt::format("{} {}", experiment.data.dataset, experiment.data.train_limit);
  if (!loaded.contains(key)) loaded.emplace(key, load_dataset(experiment.data));
  Dataset data = loaded.at(key);
  if (testing_cpu() || data.test.count() < kFewer) return data;
  data.test.labels.resize(kFewer);
  data.test.images.resize(kFewer * data.image.size());
  return data;
}

inline Finished run_small(const Experiment& experiment, std::int64_t stop_after = -1) {
  const auto backend = test_backend();
  Trainer trainer(*backend, experiment, small_dataset(experiment));
  Recorder recorder(stop_after);
  const TrainResult result = trainer.run(recorder.hooks());
  return {result, recorder.rows, weights_of(trainer, *backend)};
}

}  // namespace dropmuon
