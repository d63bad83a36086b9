// SPDX-License-Identifier: MIT
#include <algorithm>

#include <dropmuon/training/options.h>

namespace dropmuon {

std::int64_t steps_per_epoch(const TrainOptions& options, int train_images) {
  return train_images / options.batch_size;
}

std::int64_t training_steps(const TrainOptions& options, int train_images) {
  const std::int64_t steps = options.epochs * steps_per_epoch(options, train_images);
  return options.max_steps ? std::min(steps, *options.max_steps) : steps;
}

}  // namespace dropmuon
