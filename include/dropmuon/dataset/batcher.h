// SPDX-License-Identifier: MIT
// The data set on the device and the order in which it is seen.
#pragma once

#include <cstdint>
#include <vector>

#include <dropmuon/backend/buffer.h>
#include <dropmuon/dataset/dataset.h>
#include <dropmuon/dataset/normalization.h>

namespace dropmuon {

struct AugmentOptions {
  int crop = 0;       // pad by this many pixels on each side, then crop at random; 0: off
  bool flip = false;  // mirror left to right with probability 1/2
};

// One split, resident on the device as u8, gathered into normalised fp32 batches.
class DeviceSplit {
 public:
  DeviceSplit(Backend& backend, const Dataset& dataset, const Split& split);
  int count() const { return count_; }

  // Other constants than the data set's, for as many channels.
  void set_normalization(const Normalization& normalization);

  // x (n, H, W, C) and y (n) from indices (device memory, n); augmentation may be null.
  void gather(int n, const std::int32_t* indices, const Augmentation* augmentation, float* x,
              std::uint8_t* y);

 private:
  Backend& backend_;
  ImageShape image_;
  int count_;
  Buffer<std::uint8_t> images_;
  Buffer<std::uint8_t> labels_;
  Buffer<float> mean_;
  Buffer<float> inverse_std_;
};

// Which images a step sees: every epoch is a fresh permutation, cut into floor(count / batch_size)
// batches; the rest is left out of that epoch. A pure function of (seed, step).
class Batcher {
 public:
  // Throws Error(bad_config) if batch_size is larger than count.
  Batcher(Backend& backend, int count, int batch_size, const AugmentOptions& augment,
          std::uint64_t seed);
  std::int64_t steps_per_epoch() const { return steps_per_epoch_; }
  int batch_size() const { return batch_size_; }

  // Puts the indices (and crop windows) of this step into device memory.
  void next(std::int64_t step);
  const std::int32_t* indices() const { return indices_.data(); }  // (batch_size)
  const Augmentation* augmentation() const;                        // (batch_size) or null

 private:
  void shuffle(std::int64_t epoch);

  AugmentOptions augment_;
  std::uint64_t seed_;
  int batch_size_;
  std::int64_t steps_per_epoch_;
  std::int64_t shuffled_epoch_ = -1;
  std::vector<std::int32_t> order_;
  std::vector<Augmentation> host_augmentation_;
  Buffer<std::int32_t> indices_;
  Buffer<Augmentation> device_augmentation_;
};

}  // namespace dropmuon
