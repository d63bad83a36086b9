// SPDX-License-Identifier: MIT
// Where a training step takes its images from.
#pragma once

#include <cstdint>

#include <dropmuon/dataset/batcher.h>

namespace dropmuon {

class BatchSource {
 public:
  virtual ~BatchSource() = default;
  virtual int batch_size() const = 0;  // images per step, the same in all

  // Host side of a step: puts whatever depends on `index` into device memory.
  virtual void next(std::int64_t index) = 0;

  // Device side: images [offset, offset + n) of the batch that next() chose into x (n, H, W, C) and
  // y (n). Recorded and replayed, so it must not depend on the index but through device memory.
  virtual void load(int offset, int n, float* x, std::uint8_t* y) = 0;
};

// A split in the batcher's order; both must outlive it.
class SplitBatches final : public BatchSource {
 public:
  SplitBatches(DeviceSplit& split, Batcher& batcher) : split_(split), batcher_(batcher) {}
  int batch_size() const override { return batcher_.batch_size(); }
  void next(std::int64_t index) override { batcher_.next(index); }
  void load(int offset, int n, float* x, std::uint8_t* y) override {
    const Augmentation* augmentation = batcher_.augmentation();
    split_.gather(n, batcher_.indices() + offset,
                  augmentation != nullptr ? augmentation + offset : nullptr, x, y);
  }

 private:
  DeviceSplit& split_;
  Batcher& batcher_;
};

}  // namespace dropmuon
