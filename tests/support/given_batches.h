// SPDX-License-Identifier: MIT
// Batches that a test gives as numbers: no data set, no order, no augmentation.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include <dropmuon/training/batch_source.h>

namespace dropmuon {

struct GivenBatch {
  std::vector<float> images;  // (n, H, W, C)
  std::vector<std::uint8_t> labels;
};

// Step k sees batch k, and the first again after the last. A recorded step may not upload. So a
// batch that is loaded in one piece goes to its place in next(), once load() has shown where that
// is; steps of several micro-batches can only be run once for each set of layers.
class GivenBatches final : public BatchSource {
 public:
  GivenBatches(Backend& backend, std::vector<GivenBatch> batches)
      : backend_(backend), batches_(std::move(batches)) {}
  int batch_size() const override { return static_cast<int>(batches_.front().labels.size()); }

  void next(std::int64_t index) override {
    now_ = &batches_[static_cast<std::size_t>(index) % batches_.size()];
    if (x_ != nullptr) upload(0, batch_size(), x_, y_);
  }

  void load(int offset, int n, float* x, std::uint8_t* y) override {
    const bool is_there = x == x_ && n == batch_size();
    if (is_there) return;
    upload(offset, n, x, y);
    if (n == batch_size()) x_ = x, y_ = y;
  }

 private:
  void upload(int offset, int n, float* x, std::uint8_t* y) {
    const std::size_t image = now_->images.size() / now_->labels.size();
    const auto first = static_cast<std::size_t>(offset);
    const auto count = static_cast<std::size_t>(n);
    backend_.upload(x, now_->images.data() + first * image, count * image * sizeof(float));
    backend_.upload(y, now_->labels.data() + first, count);
  }

  Backend& backend_;
  std::vector<GivenBatch> batches_;
  const GivenBatch* now_ = nullptr;
  float* x_ = nullptr;  // where a whole batch goes
  std::uint8_t* y_ = nullptr;
};

}  // namespace dropmuon
