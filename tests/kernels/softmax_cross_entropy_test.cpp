// SPDX-License-Identifier: MIT
#include "kernels/softmax_cross_entropy.h"

#include <cstdint>

#include "compare.h"
#include "device_array.h"

namespace dropmuon::kernels {
namespace {

struct Batch {
  int n, classes;
  std::vector<float> logits;
  std::vector<std::uint8_t> labels;
  float scale = 1.0F;
};

Batch random_batch(int n, int classes, float size) {
  Batch b{n, classes, random_floats(static_cast<std::size_t>(n) * classes, 1), {}, 0.37F};
  Random random(5, Purpose::synthetic_data, 2);
  for (float& logit : b.logits) logit = std::round(4.0F * logit) / 4.0F * size;  // ties
  for (int i = 0; i < n; ++i) {
    b.labels.push_back(static_cast<std::uint8_t>(random.below(std::min(classes, 256))));
  }
  return b;
}

struct Expected {
  double loss = 0.0;
  std::int64_t correct = 0;
  std::vector<double> dlogits;
};

Expected reference(const Batch& b) {
  Expected e;
  for (int i = 0; i < b.n; ++i) {
    const float* row = b.logits.data() + static_cast<std::size_t>(i) * b.classes;
    int best = 0;
    for (int k = 1; k < b.classes; ++k) best = row[k] > row[best] ? k : best;
    double sum = 0.0;
    for (int k = 0; k < b.classes; ++k) sum += std::exp(double{row[k]} - row[best]);
    e.loss += std::log(sum) + row[best] - row[b.labels[i]];
    e.correct += best == b.labels[i];
    for (int k = 0; k < b.classes; ++k) {
      const double p = std::exp(double{row[k]} - row[best]) / sum;
      e.dlogits.push_back((p - (k == b.labels[i] ? 1.0 : 0.0)) * b.scale);
    }
  }
  return e;
}

struct Found {
  LossSums sums;
  std::vector<float> dlogits;
};

enum class Gradient { wanted, in_place, none };

// Called twice on the same sums.
Found run_twice(const Batch& b, std::size_t scratch_floats, Gradient gradient) {
  const TestScratch scratch(scratch_floats);
  const DeviceArray<float> logits(b.logits), dlogits(b.logits.size(), 1);
  const DeviceArray<std::uint8_t> labels(b.labels);
  const DeviceArray<LossSums> sums(std::vector<LossSums>{{100.0, 1000, 10000}});
  float* out = gradient == Gradient::none ? nullptr : dlogits.get();
  for (int call = 0; call < 2; ++call) {
    if (gradient == Gradient::in_place && call == 1) out = logits.get();
    finish(softmax_cross_entropy(
        {b.n, b.classes, logits.get(), labels.get(), out, b.scale, sums.get()}, scratch.get(),
        test_stream()));
    CHECK(scratch.clean());
  }
  const bool in_place = gradient == Gradient::in_place;
  return {sums.host()[0], in_place ? logits.host() : dlogits.host()};
}

void check(const Batch& b, std::size_t scratch_floats, Gradient gradient) {
  CAPTURE(b.n, b.classes, scratch_floats, static_cast<int>(gradient));
  const Found found = run_twice(b, scratch_floats, gradient);
  const Expected e = reference(b);
  CHECK(found.sums.loss == Approx(100.0 + 2.0 * e.loss).epsilon(1e-12));
  CHECK(found.sums.correct == 1000 + 2 * e.correct);
  CHECK(found.sums.count == 10000 + 2 * b.n);
  if (gradient != Gradient::none) CHECK(relative_error(found.dlogits, e.dlogits) < 1e-7);
  const Found again = run_twice(b, scratch_floats, gradient);
  CHECK(std::memcmp(&again.sums, &found.sums, sizeof(LossSums)) == 0);
}

}  // namespace

TEST_CASE("softmax_cross_entropy agrees with the scalar loop in double") {
  for (const int n : {1, 7, 8, 9, 65}) {
    for (const int classes : {1, 2, 10, 31, 32, 33, 100, 300}) {
      check(random_batch(n, classes, 1.0F), 2112, Gradient::wanted);
    }
  }
  check(random_batch(9, 10, 1.0F), 2112, Gradient::none);
  check(random_batch(9, 100, 1.0F), 2112, Gradient::in_place);
  check(random_batch(65, 10, 1e4F), 2112, Gradient::wanted);  // far beyond the range of exp
}

TEST_CASE("softmax_cross_entropy makes do with little scratch and strides over many rows") {
  for (const std::size_t floats : {4, 7, 8, 30}) {
    check(random_batch(133, 10, 1.0F), floats, Gradient::wanted);
  }
  check(random_batch(5000, 3, 1.0F), 4096, Gradient::wanted);
}

TEST_CASE("softmax_cross_entropy shows every logit that is not finite") {
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    for (const std::size_t at : {0, 4, 9}) {
      CAPTURE(bad, at);
      Batch b = random_batch(3, 10, 1.0F);
      b.labels[0] = 0;  // what follows must be wrong by its values alone
      const Found clean = run_twice(b, 64, Gradient::wanted);
      b.logits[10 + at] = bad;
      b.labels[1] = static_cast<std::uint8_t>(at);
      const Found found = run_twice(b, 64, Gradient::wanted);
      CHECK(!std::isfinite(found.sums.loss));
      CHECK(found.sums.correct <= clean.sums.correct);
      CHECK(found.sums.count == 10006);
      for (std::size_t k = 0; k < 30; ++k) {
        const bool own = k / 10 == 1;
        CHECK(std::isnan(found.dlogits[k]) == (own && bad != -INFINITY));
        if (!own) CHECK(found.dlogits[k] == clean.dlogits[k]);
      }
    }
  }
}

TEST_CASE("softmax_cross_entropy counts ties as the lowest class") {
  Batch b{5, 100, std::vector<float>(500, 0.25F), {0, 1, 32, 64, 99}};
  CHECK(run_twice(b, 64, Gradient::none).sums.correct == 1002);
  b.logits[0] = 0.0F;  // row 0: now 1 is the lowest
  b.labels[0] = 1;
  CHECK(run_twice(b, 64, Gradient::none).sums.correct == 1002);
}

TEST_CASE("softmax_cross_entropy makes the loss NaN for a label that is no class") {
  Batch b = random_batch(3, 10, 1.0F);
  b.labels[2] = 10;
  const Found found = run_twice(b, 64, Gradient::wanted);
  CHECK(std::isnan(found.sums.loss));
}

TEST_CASE("softmax_cross_entropy refuses empty shapes and too little scratch") {
  const TestScratch scratch(64), little(3);
  SoftmaxCrossEntropy args{0, 10, nullptr, nullptr, nullptr, 1.0F, nullptr};
  CHECK(softmax_cross_entropy(args, scratch.get(), test_stream()) == cudaErrorInvalidValue);
  args.n = 2;
  args.classes = -1;
  CHECK(softmax_cross_entropy(args, scratch.get(), test_stream()) == cudaErrorInvalidValue);
  args.classes = 10;
  CHECK(softmax_cross_entropy(args, little.get(), test_stream()) == cudaErrorInvalidValue);
  Scratch no_counter = scratch.get();
  no_counter.counter_count = 0;
  CHECK(softmax_cross_entropy(args, no_counter, test_stream()) == cudaErrorInvalidValue);
}

}  // namespace dropmuon::kernels
