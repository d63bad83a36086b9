// SPDX-License-Identifier: MIT
#include "kernels/gather_batch.h"

#include <cstdint>

#include "compare.h"
#include "device_array.h"

namespace dropmuon::kernels {
namespace {

struct Case {
  int n, height, width, channels;
  std::size_t offset;  // of x: 1 forbids vector stores
};

const std::vector<Case> kCases = {{1, 1, 1, 1, 0}, {3, 4, 4, 1, 0},    {3, 4, 4, 1, 1},
                                  {2, 5, 7, 3, 0}, {7, 32, 32, 3, 0},  {2, 31, 33, 5, 0},
                                  {2, 6, 2, 6, 0}, {3, 4, 5, 1, 0},    {2, 8, 1, 3, 0},
                                  {2, 4, 1, 1, 0}, {40, 28, 28, 1, 1}, {2, 3, 8, 31, 0}};

// An image fills a block's threads with one value each, or with four, but for one thread more or
// less. 1023 and 1025 values are four blocks of single ones.
const std::vector<Case> kAroundBlock = {{2, 5, 17, 3, 0},  {2, 16, 16, 1, 1}, {2, 1, 257, 1, 0},
                                        {2, 17, 20, 3, 0}, {2, 11, 31, 3, 0}, {2, 16, 16, 4, 0},
                                        {2, 5, 41, 5, 0},  {2, 2, 257, 2, 0}};

struct Inputs {
  explicit Inputs(const Case& c) {
    Random random(7, Purpose::synthetic_data, 1);
    const std::size_t size = static_cast<std::size_t>(c.height) * c.width * c.channels;
    const int stored = 11;
    images.resize(stored * size);
    for (std::uint8_t& pixel : images) pixel = static_cast<std::uint8_t>(random.below(256));
    for (int i = 0; i < stored; ++i) labels.push_back(static_cast<std::uint8_t>(random.below(256)));
    for (int i = 0; i < c.n; ++i) {
      indices.push_back(static_cast<std::int32_t>(random.below(stored)));
      moves.push_back({static_cast<std::int8_t>(static_cast<int>(random.below(9)) - 4),
                       static_cast<std::int8_t>(static_cast<int>(random.below(9)) - 4),
                       static_cast<std::int8_t>(random.below(2)), 0});
    }
    for (int k = 0; k < c.channels; ++k) {
      mean.push_back(0.1F + 0.05F * static_cast<float>(k));
      inverse_std.push_back(1.0F / (0.2F + 0.03F * static_cast<float>(k)));
    }
  }
  std::vector<std::uint8_t> images, labels;
  std::vector<std::int32_t> indices;
  std::vector<Augmentation> moves;
  std::vector<float> mean, inverse_std;
};

double expected(const Case& c, const Inputs& in, bool moved, int i, int row, int column, int k) {
  const Augmentation move = moved ? in.moves[i] : Augmentation{0, 0, 0, 0};
  const int from_row = row + move.top;
  const int from_column = (move.flip != 0 ? c.width - 1 - column : column) + move.left;
  double pixel = 0.0;
  if (from_row >= 0 && from_row < c.height && from_column >= 0 && from_column < c.width) {
    const auto image = static_cast<std::size_t>(in.indices[i]) * c.height + from_row;
    pixel = in.images[(image * c.width + from_column) * c.channels + k];
  }
  return (pixel / 255.0 - in.mean[k]) * in.inverse_std[k];
}

void check(const Case& c, bool moved) {
  CAPTURE(c.n, c.height, c.width, c.channels, c.offset, moved);
  const Inputs in(c);
  const DeviceArray<std::uint8_t> images(in.images), labels(in.labels);
  const DeviceArray<std::int32_t> indices(in.indices);
  const DeviceArray<Augmentation> moves(in.moves);
  const DeviceArray<float> mean(in.mean), inverse_std(in.inverse_std);
  const std::size_t size = static_cast<std::size_t>(c.n) * c.height * c.width * c.channels;
  const DeviceArray<float> x(size, c.offset);
  const DeviceArray<std::uint8_t> y(static_cast<std::size_t>(c.n));
  finish(gather_batch({.n = c.n,
                       .image = {c.height, c.width, c.channels},
                       .images = images.get(),
                       .labels = labels.get(),
                       .indices = indices.get(),
                       .augmentation = moved ? moves.get() : nullptr,
                       .mean = mean.get(),
                       .inverse_std = inverse_std.get(),
                       .x = x.get(),
                       .y = y.get()},
                      test_stream()));
  const std::vector<float> found = x.host();
  double worst = 0.0;
  std::size_t at = 0;
  for (int i = 0; i < c.n; ++i) {
    for (int row = 0; row < c.height; ++row) {
      for (int column = 0; column < c.width; ++column) {
        for (int k = 0; k < c.channels; ++k) {
          const double e = std::abs(found[at++] - expected(c, in, moved, i, row, column, k));
          worst = std::isnan(e) ? INFINITY : std::max(worst, e);
        }
      }
    }
  }
  CHECK(worst < 2e-6);
  const std::vector<std::uint8_t> found_labels = y.host();
  for (int i = 0; i < c.n; ++i) CHECK(found_labels[i] == in.labels[in.indices[i]]);
}

}  // namespace

TEST_CASE("gather_batch normalises, crops and mirrors like the scalar loop") {
  for (const Case& c : kCases) {
    check(c, false);
    check(c, true);
  }
}

TEST_CASE("gather_batch reaches the last value of images around the size of a block") {
  for (const Case& c : kAroundBlock) check(c, true);
}

TEST_CASE("gather_batch takes more images than its grid has rows of blocks") {
  check({9000, 1, 2, 1, 0}, true);
}

TEST_CASE("gather_batch refuses empty and oversized shapes") {
  GatherBatch args{};
  for (const Case& c : std::vector<Case>{{0, 1, 1, 1, 0},
                                         {1, 0, 1, 1, 0},
                                         {1, 1, -1, 1, 0},
                                         {1, 1, 1, 0, 0},
                                         {1, 32768, 32768, 1, 0}}) {
    args.n = c.n;
    args.image = {c.height, c.width, c.channels};
    CHECK(gather_batch(args, test_stream()) == cudaErrorInvalidValue);
  }
}

}  // namespace dropmuon::kernels
