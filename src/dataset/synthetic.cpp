// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>

#include <dropmuon/core/error.h>
#include <dropmuon/core/random.h>
#include <dropmuon/dataset/synthetic.h>

namespace dropmuon {
namespace {

constexpr std::uint64_t kSeed = 0;  // the set is fixed; a run's seed does not change it
constexpr int kClasses = 10;
constexpr int kSide = kSyntheticImage.height;
constexpr int kShift = 4;                         // a pattern moves by up to this many pixels
constexpr int kPatternSide = kSide + 2 * kShift;  // so that every window lies inside
constexpr int kPitch = 7;                         // pixels between the random values of a pattern
constexpr int kKnots = (kPatternSide - 1) / kPitch + 2;
constexpr int kMixMax = 112;      // of 256: the largest share of the other class's pattern
constexpr int kNoiseScale = 100;  // of 256: noise with a standard deviation of about 58

using Pattern = std::array<int, std::size_t{kPatternSide} * kPatternSide>;  // values 0-255

// What a stream of random numbers makes; see Random for (seed, purpose, step, index).
enum Stream : std::uint64_t { kPatternStream = 0, kTrainStream = 1, kTestStream = 2 };

Random stream(Stream which, int index) {
  return Random(kSeed, Purpose::synthetic_data, which, static_cast<std::uint32_t>(index));
}

// Random values on a coarse grid, interpolated bilinearly.
Pattern make_pattern(int label) {
  Random random = stream(kPatternStream, label);
  std::array<int, std::size_t{kKnots} * kKnots> knots{};
  for (int& value : knots) value = static_cast<int>(random.below(256));
  Pattern pattern{};
  int* next = pattern.data();
  for (int i = 0; i < kPatternSide; ++i) {
    for (int j = 0; j < kPatternSide; ++j) {
      const int knot = i / kPitch * kKnots + j / kPitch;
      const int* corner = knots.data() + knot;
      const int down = i % kPitch;
      const int right = j % kPitch;
      const int upper = corner[0] * (kPitch - right) + corner[1] * right;
      const int lower = corner[kKnots] * (kPitch - right) + corner[kKnots + 1] * right;
      *next++ = (upper * (kPitch - down) + lower * down) / (kPitch * kPitch);
    }
  }
  return pattern;
}

// The sum of four random bytes around 0: close to a normal distribution.
int noise(Random& random) {
  const std::uint32_t bits = random();
  const std::uint32_t sum = (bits & 255) + (bits >> 8 & 255) + (bits >> 16 & 255) + (bits >> 24);
  return (static_cast<int>(sum) - 510) * kNoiseScale / 256;
}

void draw_image(const std::array<Pattern, kClasses>& patterns, int label, Random& random,
                std::uint8_t* pixels) {
  const int other = static_cast<int>(random.below(kClasses));
  const int share = static_cast<int>(random.below(kMixMax + 1));
  const int top = static_cast<int>(random.below(2 * kShift + 1));
  const int left = static_cast<int>(random.below(2 * kShift + 1));
  for (int i = 0; i < kSide; ++i) {
    const int start = (top + i) * kPatternSide + left;
    const int* own_row = patterns[static_cast<std::size_t>(label)].data() + start;
    const int* other_row = patterns[static_cast<std::size_t>(other)].data() + start;
    for (int j = 0; j < kSide; ++j) {
      const int clean = (own_row[j] * (256 - share) + other_row[j] * share) / 256;
      *pixels++ = static_cast<std::uint8_t>(std::clamp(clean + noise(random), 0, 255));
    }
  }
}

}  // namespace

Split make_synthetic(SyntheticPart part, int count) {
  DM_CHECK(count >= 0, "{} images", count);
  std::array<Pattern, kClasses> patterns{};
  for (int label = 0; label < kClasses; ++label) {
    patterns[static_cast<std::size_t>(label)] = make_pattern(label);
  }
  Split split;
  split.images.resize(static_cast<std::size_t>(count) * kSyntheticImage.size());
  split.labels.resize(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    Random random = stream(part == SyntheticPart::train ? kTrainStream : kTestStream, i);
    const int label = i % kClasses;
    split.labels[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(label);
    draw_image(patterns, label, random,
               split.images.data() + static_cast<std::size_t>(i) * kSyntheticImage.size());
  }
  return split;
}

}  // namespace dropmuon
