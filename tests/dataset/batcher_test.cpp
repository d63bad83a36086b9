// SPDX-License-Identifier: MIT
// The order in which images are seen, and the batches that reach the network.
#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "files.h"
#include "test_backend.h"
#include <dropmuon/core/random.h>
#include <dropmuon/dataset/batcher.h>

using namespace dropmuon;
using namespace dropmuon::test;

namespace {

struct Move {
  int top;
  int left;
  int flip;
  auto operator<=>(const Move&) const = default;
};

struct Batch {
  std::vector<std::int32_t> indices;
  std::vector<Move> moves;
  bool operator==(const Batch&) const = default;
};

Batch draw(Backend& backend, Batcher& batcher, std::int64_t step) {
  batcher.next(step);
  const auto n = static_cast<std::size_t>(batcher.batch_size());
  Batch batch;
  batch.indices.resize(n);
  backend.download(batch.indices.data(), batcher.indices(), n * sizeof(std::int32_t));
  if (batcher.augmentation() == nullptr) return batch;
  std::vector<Augmentation> moves(n);
  backend.download(moves.data(), batcher.augmentation(), n * sizeof(Augmentation));
  for (const Augmentation& move : moves) batch.moves.push_back({move.top, move.left, move.flip});
  return batch;
}

Dataset random_dataset(const ImageShape& image, int count) {
  Random random(11, Purpose::synthetic_data, 99);
  Dataset dataset;
  dataset.image = image;
  dataset.train.images.resize(static_cast<std::size_t>(count) * image.size());
  dataset.train.labels.resize(static_cast<std::size_t>(count));
  for (auto& pixel : dataset.train.images) pixel = static_cast<std::uint8_t>(random.below(256));
  for (auto& label : dataset.train.labels) label = static_cast<std::uint8_t>(random.below(10));
  for (int c = 0; c < image.channels; ++c) {
    dataset.mean.push_back(0.1F + 0.2F * static_cast<float>(c));
    dataset.inverse_std.push_back(3.0F - static_cast<float>(c));
  }
  return dataset;
}

// One pixel of a moved and normalised image, from the definition: out(y, x) shows the padded image
// at (y + top, x + left), mirrored after the crop.
double expected_pixel(const Dataset& dataset, std::int32_t index, const Move& move,
                      std::array<int, 3> at) {
  const auto [y, x, c] = at;
  const ImageShape& image = dataset.image;
  const int row = y + move.top;
  const int column = (move.flip != 0 ? image.width - 1 - x : x) + move.left;
  double pixel = 0.0;
  if (row >= 0 && row < image.height && column >= 0 && column < image.width) {
    const int inside = (row * image.width + column) * image.channels + c;
    pixel = dataset.train.images[static_cast<std::size_t>(index) * image.size() +
                                 static_cast<std::size_t>(inside)];
  }
  const auto channel = static_cast<std::size_t>(c);
  return (pixel / 255.0 - dataset.mean[channel]) * dataset.inverse_std[channel];
}

// Gathers one step and returns the largest distance from the reference.
double gather_error(Backend& backend, const Dataset& dataset, Batcher& batcher, std::int64_t step) {
  const int n = batcher.batch_size();
  const ImageShape& image = dataset.image;
  Batch batch = draw(backend, batcher, step);
  if (batch.moves.empty()) batch.moves.assign(static_cast<std::size_t>(n), Move{0, 0, 0});
  DeviceSplit split(backend, dataset, dataset.train);
  Buffer<float> x(backend, static_cast<std::size_t>(n) * image.size());
  Buffer<std::uint8_t> y(backend, static_cast<std::size_t>(n));
  split.gather(n, batcher.indices(), batcher.augmentation(), x.data(), y.data());
  std::vector<float> found(x.size());
  std::vector<std::uint8_t> labels(y.size());
  x.download(found.data());
  y.download(labels.data());
  double worst = 0.0;
  std::size_t position = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] != dataset.train.labels[static_cast<std::size_t>(batch.indices[i])]) return 1e9;
    for (int r = 0; r < image.height; ++r) {
      for (int s = 0; s < image.width; ++s) {
        for (int c = 0; c < image.channels; ++c) {
          const double expected =
              expected_pixel(dataset, batch.indices[i], batch.moves[i], {r, s, c});
          worst = std::max(worst, std::abs(found[position++] - expected));
        }
      }
    }
  }
  return worst;
}

}  // namespace

TEST_CASE("every epoch is a new permutation, cut into whole batches") {
  const auto backend = test_backend();
  for (const auto& [count, batch_size] : {std::pair{60, 6}, {61, 6}, {65, 6}, {7, 7}, {1, 1}}) {
    CAPTURE(count, batch_size);
    Batcher batcher(*backend, count, batch_size, {}, 42);
    REQUIRE(batcher.steps_per_epoch() == count / batch_size);
    REQUIRE(batcher.augmentation() == nullptr);
    std::set<std::vector<std::int32_t>> orders;
    for (std::int64_t epoch = 0; epoch < 4; ++epoch) {
      std::vector<std::int32_t> seen;
      for (std::int64_t i = 0; i < batcher.steps_per_epoch(); ++i) {
        const Batch batch = draw(*backend, batcher, epoch * batcher.steps_per_epoch() + i);
        seen.insert(seen.end(), batch.indices.begin(), batch.indices.end());
      }
      orders.insert(seen);
      std::sort(seen.begin(), seen.end());
      CHECK(std::adjacent_find(seen.begin(), seen.end()) == seen.end());
      CHECK(seen.front() >= 0);
      CHECK(seen.back() < count);
      CHECK(static_cast<int>(seen.size()) == count / batch_size * batch_size);
    }
    if (count > 50) CHECK(orders.size() == 4);
  }
}

TEST_CASE("what an epoch leaves out changes, so that every image is seen") {
  const auto backend = test_backend();
  Batcher batcher(*backend, 15, 8, {}, 1);
  std::set<std::int32_t> seen;
  for (std::int64_t step = 0; step < 20; ++step) {
    const Batch batch = draw(*backend, batcher, step);
    seen.insert(batch.indices.begin(), batch.indices.end());
  }
  CHECK(seen.size() == 15);
}

TEST_CASE("shuffles are uniform: every image is first equally often") {
  const auto backend = test_backend();
  Batcher batcher(*backend, 5, 5, {}, 3);
  std::array<std::array<int, 5>, 5> places{};
  constexpr int kEpochs = 5000;
  for (std::int64_t epoch = 0; epoch < kEpochs; ++epoch) {
    const Batch batch = draw(*backend, batcher, epoch);
    for (std::size_t i = 0; i < 5; ++i) ++places[i][static_cast<std::size_t>(batch.indices[i])];
  }
  // 1000 expected, standard deviation 28.
  for (const auto& row : places) {
    for (const int count : row) CHECK(std::abs(count - kEpochs / 5) < 140);
  }
}

TEST_CASE("jumping to a step gives what walking to it gives, and depends on the seed") {
  const auto backend = test_backend();
  const AugmentOptions augment{.crop = 3, .flip = true};
  Batcher walker(*backend, 50, 7, augment, 9);
  std::map<std::int64_t, Batch> walked;
  for (std::int64_t step = 0; step < 30; ++step) walked[step] = draw(*backend, walker, step);
  for (const std::int64_t step : {29, 0, 13, 14, 7, 6, 28, 29}) {
    Batcher jumper(*backend, 50, 7, augment, 9);
    CHECK(draw(*backend, jumper, step) == walked[step]);
    CHECK(draw(*backend, walker, step) == walked[step]);
    Batcher other(*backend, 50, 7, augment, 10);
    CHECK(draw(*backend, other, step).indices != walked[step].indices);
    CHECK(draw(*backend, other, step).moves != walked[step].moves);
  }
}

TEST_CASE("an image seen again is cropped in another way") {
  const auto backend = test_backend();
  Batcher batcher(*backend, 40, 40, {.crop = 4, .flip = true}, 0);
  CHECK(draw(*backend, batcher, 0).moves != draw(*backend, batcher, 1).moves);
}

TEST_CASE("crop windows are uniform in [-crop, crop], flips are fair coins") {
  const auto backend = test_backend();
  for (const auto& [crop, flip] : {std::pair{2, true}, {2, false}, {0, true}, {127, false}}) {
    CAPTURE(crop, flip);
    Batcher batcher(*backend, 2000, 2000, {.crop = crop, .flip = flip}, 5);
    std::map<int, int> tops;
    std::map<int, int> lefts;
    int flips = 0;
    int same = 0;
    for (std::int64_t step = 0; step < 5; ++step) {
      for (const Move& move : draw(*backend, batcher, step).moves) {
        ++tops[move.top];
        ++lefts[move.left];
        flips += move.flip;
        same += move.top == move.left ? 1 : 0;
      }
    }
    const double expected = 10000.0 / (2 * crop + 1);
    for (const auto& places : {tops, lefts}) {
      CHECK(places.begin()->first == -crop);
      CHECK(places.rbegin()->first == crop);
      CHECK(static_cast<int>(places.size()) == 2 * crop + 1);
      for (const auto& [place, times] : places) {
        CHECK(std::abs(times - expected) < 5.0 * std::sqrt(expected));
      }
    }
    CHECK(std::abs(same - expected) < 5.0 * std::sqrt(expected));
    CHECK(std::abs(flips - (flip ? 5000 : 0)) < 250);
  }
}

TEST_CASE("turning the flip on does not change the crops") {
  const auto backend = test_backend();
  Batcher crop_only(*backend, 30, 30, {.crop = 4, .flip = false}, 5);
  Batcher both(*backend, 30, 30, {.crop = 4, .flip = true}, 5);
  Batch with_flip = draw(*backend, both, 3);
  CHECK(std::any_of(with_flip.moves.begin(), with_flip.moves.end(),
                    [](const Move& move) { return move.flip == 1; }));
  for (Move& move : with_flip.moves) move.flip = 0;
  CHECK(draw(*backend, crop_only, 3) == with_flip);
}

TEST_CASE("gathered batches agree with a scalar reference at odd sizes") {
  const auto backend = test_backend();
  const std::vector<ImageShape> shapes{{1, 1, 1}, {3, 5, 1}, {7, 4, 3}, {5, 5, 2}, {28, 28, 1}};
  const std::vector<AugmentOptions> options{{}, {0, true}, {2, false}, {2, true}, {9, true}};
  for (const ImageShape& shape : shapes) {
    for (const AugmentOptions& augment : options) {
      CAPTURE(shape.height, shape.width, shape.channels, augment.crop, augment.flip);
      const Dataset dataset = random_dataset(shape, 23);
      Batcher batcher(*backend, 23, 11, augment, 8);
      CHECK(gather_error(*backend, dataset, batcher, 0) < 2e-6);
      CHECK(gather_error(*backend, dataset, batcher, 3) < 2e-6);
    }
  }
}

TEST_CASE("a split knows its size and gathers any subset of a batch") {
  const auto backend = test_backend();
  const Dataset dataset = random_dataset({2, 2, 1}, 9);
  DeviceSplit split(*backend, dataset, dataset.train);
  CHECK(split.count() == 9);
  const std::vector<std::int32_t> wanted{8, 0, 8, 4};
  Buffer<std::int32_t> indices(*backend, 4);
  indices.upload(wanted.data());
  Buffer<float> x(*backend, 16);
  Buffer<std::uint8_t> y(*backend, 4);
  split.gather(3, indices.data() + 1, nullptr, x.data(), y.data());
  std::vector<std::uint8_t> labels(4);
  y.download(labels.data());
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(labels[i] == dataset.train.labels[static_cast<std::size_t>(wanted[i + 1])]);
  }
}

TEST_CASE("batches that cannot be made are refused by the name of the key") {
  const auto backend = test_backend();
  expect_error(ExitCode::bad_config, {"train.batch_size", "1 to 100", "found 101"},
               [&] { Batcher(*backend, 100, 101, {}, 0); });
  expect_error(ExitCode::bad_config, {"train.batch_size", "found 0"},
               [&] { Batcher(*backend, 100, 0, {}, 0); });
  expect_error(ExitCode::bad_config, {"data.augment.crop", "0 to 127", "found 128"},
               [&] { Batcher(*backend, 100, 10, {.crop = 128}, 0); });
  expect_error(ExitCode::bad_config, {"data.augment.crop", "found -1"},
               [&] { Batcher(*backend, 100, 10, {.crop = -1}, 0); });
  CHECK(Batcher(*backend, 100, 100, {}, 0).steps_per_epoch() == 1);
}
