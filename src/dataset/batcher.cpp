// SPDX-License-Identifier: MIT
#include <limits>
#include <numeric>
#include <utility>

#include <dropmuon/core/error.h>
#include <dropmuon/core/random.h>
#include <dropmuon/dataset/batcher.h>

namespace dropmuon {
namespace {

std::int8_t random_offset(Random& random, int crop) {
  const auto choices = static_cast<std::uint32_t>(2 * crop + 1);
  return static_cast<std::int8_t>(static_cast<int>(random.below(choices)) - crop);
}

}  // namespace

DeviceSplit::DeviceSplit(Backend& backend, const Dataset& dataset, const Split& split)
    : backend_(backend),
      image_(dataset.image),
      count_(split.count()),
      images_(backend, split.images.size()),
      labels_(backend, split.labels.size()),
      mean_(backend, dataset.mean.size()),
      inverse_std_(backend, dataset.inverse_std.size()) {
  const auto channels = static_cast<std::size_t>(image_.channels);
  DM_CHECK(count_ > 0 && split.images.size() == split.labels.size() * image_.size(),
           "{} labels with {} pixels", split.labels.size(), split.images.size());
  DM_CHECK(dataset.mean.size() == channels && dataset.inverse_std.size() == channels,
           "normalisation of {} channels for {}", dataset.mean.size(), channels);
  images_.upload(split.images.data());
  labels_.upload(split.labels.data());
  set_normalization({dataset.mean, dataset.inverse_std});
}

void DeviceSplit::set_normalization(const Normalization& normalization) {
  DM_CHECK(
      normalization.mean.size() == mean_.size() && normalization.inverse_std.size() == mean_.size(),
      "normalisation of {} channels for {}", normalization.mean.size(), mean_.size());
  mean_.upload(normalization.mean.data());
  inverse_std_.upload(normalization.inverse_std.data());
}

void DeviceSplit::gather(int n, const std::int32_t* indices, const Augmentation* augmentation,
                         float* x, std::uint8_t* y) {
  backend_.gather_batch({.n = n,
                         .image = image_,
                         .images = images_.data(),
                         .labels = labels_.data(),
                         .indices = indices,
                         .augmentation = augmentation,
                         .mean = mean_.data(),
                         .inverse_std = inverse_std_.data(),
                         .x = x,
                         .y = y});
}

Batcher::Batcher(Backend& backend, int count, int batch_size, const AugmentOptions& augment,
                 std::uint64_t seed)
    : augment_(augment), seed_(seed), batch_size_(batch_size), steps_per_epoch_(0) {
  constexpr int kMaxCrop = std::numeric_limits<std::int8_t>::max();
  if (batch_size < 1 || batch_size > count) {
    fail(ExitCode::bad_config,
         "train.batch_size: expected 1 to {} (the number of training images), found {}", count,
         batch_size);
  }
  if (augment.crop < 0 || augment.crop > kMaxCrop) {
    fail(ExitCode::bad_config, "data.augment.crop: expected 0 to {}, found {}", kMaxCrop,
         augment.crop);
  }
  const auto batch = static_cast<std::size_t>(batch_size);
  steps_per_epoch_ = count / batch_size;
  order_.resize(static_cast<std::size_t>(count));
  indices_ = Buffer<std::int32_t>(backend, batch);
  if (augment.crop > 0 || augment.flip) {
    host_augmentation_.resize(batch);
    device_augmentation_ = Buffer<Augmentation>(backend, batch);
  }
}

void Batcher::next(std::int64_t step) {
  DM_CHECK(step >= 0, "step {}", step);
  const std::int64_t epoch = step / steps_per_epoch_;
  if (epoch != shuffled_epoch_) shuffle(epoch);
  indices_.upload(order_.data() + step % steps_per_epoch_ * batch_size_);
  if (host_augmentation_.empty()) return;
  for (std::size_t i = 0; i < host_augmentation_.size(); ++i) {
    // The draws are always made in this order, so that crop and flip do not change each other.
    Random random(seed_, Purpose::augment, static_cast<std::uint64_t>(step),
                  static_cast<std::uint32_t>(i));
    Augmentation& move = host_augmentation_[i];
    move.top = random_offset(random, augment_.crop);
    move.left = random_offset(random, augment_.crop);
    const std::uint32_t coin = random.below(2);
    move.flip = static_cast<std::int8_t>(augment_.flip ? coin : 0);
  }
  device_augmentation_.upload(host_augmentation_.data());
}

const Augmentation* Batcher::augmentation() const { return device_augmentation_.data(); }

// Fisher-Yates from the identity: the order depends on the epoch alone, not on earlier epochs.
void Batcher::shuffle(std::int64_t epoch) {
  std::iota(order_.begin(), order_.end(), 0);
  Random random(seed_, Purpose::shuffle, static_cast<std::uint64_t>(epoch));
  for (std::size_t i = order_.size() - 1; i > 0; --i) {
    std::swap(order_[i], order_[random.below(static_cast<std::uint32_t>(i) + 1)]);
  }
  shuffled_epoch_ = epoch;
}

}  // namespace dropmuon
