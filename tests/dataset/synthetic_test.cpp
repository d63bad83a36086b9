// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <limits>

#include "catch.h"
#include <dropmuon/core/sha256.h>
#include <dropmuon/dataset/synthetic.h>

using namespace dropmuon;

namespace {

std::string hash(const std::vector<std::uint8_t>& bytes) {
  return sha256(std::as_bytes(std::span(bytes)));
}

// The share of `test` that is nearest to the mean training image of its class.
double nearest_mean_accuracy(const Dataset& dataset) {
  const std::size_t size = dataset.image.size();
  std::vector<double> means(10 * size, 0.0);
  std::array<double, 10> counts{};
  for (std::size_t i = 0; i < dataset.train.labels.size(); ++i) {
    const std::size_t label = dataset.train.labels[i];
    counts[label] += 1.0;
    for (std::size_t p = 0; p < size; ++p)
      means[label * size + p] += dataset.train.images[i * size + p];
  }
  int right = 0;
  for (std::size_t i = 0; i < dataset.test.labels.size(); ++i) {
    double best = std::numeric_limits<double>::max();
    std::size_t guess = 0;
    for (std::size_t label = 0; label < 10; ++label) {
      double distance = 0.0;
      for (std::size_t p = 0; p < size; ++p) {
        const double gap =
            dataset.test.images[i * size + p] - means[label * size + p] / counts[label];
        distance += gap * gap;
      }
      if (distance < best) {
        best = distance;
        guess = label;
      }
    }
    right += guess == dataset.test.labels[i] ? 1 : 0;
  }
  return right / static_cast<double>(dataset.test.count());
}

}  // namespace

TEST_CASE("the synthetic set is the same bytes everywhere") {
  const Dataset dataset = load_dataset({.dataset = "synthetic", .root = "no-such-folder"});
  CHECK(dataset.name == "synthetic");
  CHECK(dataset.source == "synthetic");
  CHECK(dataset.verdict == "synthetic");
  CHECK(dataset.hashes.empty());
  CHECK(dataset.image == ImageShape{28, 28, 1});
  CHECK(dataset.train.count() == 4096);
  CHECK(dataset.test.count() == 1024);
  CHECK(hash(dataset.train.images) ==
        "d9cccb5096a69c06b32f64958d27d6e4a598dad4025aaa76965adb5089cabb5e");
  CHECK(hash(dataset.test.images) ==
        "24712b1c7f2a2d3a03616dfd226e067827931f63314dc53383935de4623357f6");
}

TEST_CASE("a shorter synthetic set is the beginning of a longer one") {
  const Split all = make_synthetic(SyntheticPart::train, 40);
  const Split some = make_synthetic(SyntheticPart::train, 13);
  CHECK(std::equal(some.images.begin(), some.images.end(), all.images.begin()));
  CHECK(std::equal(some.labels.begin(), some.labels.end(), all.labels.begin()));
  const Dataset limited = load_dataset({.dataset = "synthetic", .train_limit = 13});
  CHECK((limited.train.images == some.images));  // in brackets: not to print every byte
  CHECK((make_synthetic(SyntheticPart::test, 13).images != some.images));
}

TEST_CASE("the synthetic set has ten classes of equal size that can be learnt") {
  const Dataset dataset = load_dataset({.dataset = "synthetic"});
  for (int label = 0; label < 10; ++label) {
    const auto count = std::count(dataset.train.labels.begin(), dataset.train.labels.end(), label);
    CHECK(count >= 409);
    CHECK(count <= 410);
  }
  // Learnable, but with something left to learn for a network.
  const double accuracy = nearest_mean_accuracy(dataset);
  CHECK(accuracy > 0.85);
  CHECK(accuracy < 0.97);
}
