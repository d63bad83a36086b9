// SPDX-License-Identifier: MIT
// Networks and data sets small enough to train on an emulated device.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "compare.h"
#include "devices.h"
#include <dropmuon/dataset/normalization.h>
#include <dropmuon/training/trainer.h>

namespace dropmuon {

struct ToyNet {
  std::string name;
  ImageShape image;
  ModelOptions model;
  int batch_size = 8;
  int micro_batch = 8;
};

inline std::vector<ToyNet> toy_nets() {
  return {{"two convs", {12, 12, 1}, {.channels = {8, 8}}, 8, 8},
          {"three convs, colour, micro-batches of 6, 6 and 4",
           {10, 11, 3},
           {.channels = {8, 12, 16}, .pool = {2, 1, 2}},
           16,
           6},
          {"four convs, average pool, kernel 5, micro-batches of 8 and 4",
           {9, 8, 2},
           {.channels = {8, 8, 8, 12},
            .kernel = {5, 3, 3, 1},
            .pool = {2, 1, 1, 2},
            .head_input = HeadInput::average_pool},
           12,
           8}};
}

// A random pattern per class under noise.
inline Split toy_split(const ImageShape& image, int count, std::uint64_t seed) {
  Random noise(seed, Purpose::synthetic_data, 5);
  Split split;
  for (int i = 0; i < count; ++i) {
    const int label = i % 5;
    Random pattern(1, Purpose::synthetic_data, 6, static_cast<std::uint32_t>(label));
    for (std::size_t p = 0; p < image.size(); ++p) {
      split.images.push_back(static_cast<std::uint8_t>(pattern.below(160) + noise.below(96)));
    }
    split.labels.push_back(static_cast<std::uint8_t>(label));
  }
  return split;
}

inline Dataset toy_dataset(const ImageShape& image) {
  Dataset data;
  data.name = "toy";
  data.image = image;
  data.classes = 5;
  data.train = toy_split(image, 50, 2);
  data.test = toy_split(image, 20, 3);
  const Normalization n = measure_normalization(data.train.images, image.channels);
  data.mean = n.mean;
  data.inverse_std = n.inverse_std;
  return data;
}

// Twenty steps in which everything that may change from step to step does.
inline Experiment toy_experiment(const ToyNet& net) {
  Experiment e;
  e.seed = 3;
  e.model = net.model;
  e.augment = {.crop = 1, .flip = true};
  e.optimizer.lr = 0.02;
  e.schedule = {.type = ScheduleType::linear, .warmup_steps = 3, .final_fraction = 0.1};
  e.train.epochs = 10;
  e.train.max_steps = 20;
  e.train.batch_size = net.batch_size;
  e.train.micro_batch = net.micro_batch;
  e.train.eval_train_images = 10;
  return e;
}

inline std::vector<std::pair<std::string, OptimizerOptions>> toy_optimizers() {
  OptimizerOptions sgd{
      .type = OptimizerType::sgd, .lr = 0.02, .momentum = 0.9, .weight_decay = 0.01};
  OptimizerOptions adamw{.type = OptimizerType::adamw, .lr = 0.002, .weight_decay = 0.01};
  OptimizerOptions radius{.lr = 0.02};
  OptimizerOptions sharp{.lr = 0.02, .step = StepMode::sharp};
  OptimizerOptions nesterov{.lr = 0.02, .nesterov = Nesterov::yes, .weight_decay = 0.1};
  return {{"SGD", sgd},
          {"AdamW", adamw},
          {"Muon", radius},
          {"Muon, sharp steps", sharp},
          {"Muon, Nesterov, weight decay", nesterov}};
}

// A trainer together with its device.
class ToyRun {
 public:
  ToyRun(std::unique_ptr<Backend> backend, const Experiment& experiment, const Dataset& data)
      : backend_(std::move(backend)), trainer_(*backend_, experiment, data) {}

  void steps(std::int64_t from, std::int64_t to) {
    for (std::int64_t i = from; i < to; ++i) trainer_.step(i);
  }
  std::vector<float> weights(std::size_t param) {
    const Param& p = trainer_.network().params()[param];
    std::vector<float> values(p.size());
    backend_->download(values.data(), p.value, values.size() * sizeof(float));
    return values;
  }
  std::vector<float> weights() {
    std::vector<float> all;
    for (std::size_t p = 0; p < trainer_.network().params().size(); ++p) {
      const std::vector<float> values = weights(p);
      all.insert(all.end(), values.begin(), values.end());
    }
    return all;
  }
  // The largest relative difference of a weight tensor from the other run's.
  double distance(ToyRun& other) {
    double worst = 0.0;
    for (std::size_t p = 0; p < trainer_.network().params().size(); ++p) {
      worst = std::max(worst, relative_error(weights(p), widen(other.weights(p))));
    }
    return worst;
  }
  Trainer& trainer() { return trainer_; }
  Backend& backend() { return *backend_; }

 private:
  std::unique_ptr<Backend> backend_;
  Trainer trainer_;
};

}  // namespace dropmuon
