// SPDX-License-Identifier: MIT
#include <cmath>
#include <set>
#include <vector>

#include "catch.h"
#include <dropmuon/core/error.h>
#include <dropmuon/core/random.h>

using namespace dropmuon;

TEST_CASE("Philox 4x32-10 gives the published known answers") {
  using Block = std::array<std::uint32_t, 4>;
  // Random123's kat_vectors.
  CHECK(philox4x32({0, 0, 0, 0}, {0, 0}) == Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) ==
        Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("every (seed, purpose, step, index) is a stream of its own") {
  std::set<std::uint32_t> first;
  int streams = 0;
  for (const std::uint64_t seed : {0ULL, 1ULL, 1ULL << 40}) {
    for (const Purpose purpose : {Purpose::initialise, Purpose::shuffle, Purpose::augment}) {
      for (const std::uint64_t step : {0ULL, 1ULL, 1ULL << 33}) {
        for (const std::uint32_t index : {0U, 1U, 77U}) {
          first.insert(Random(seed, purpose, step, index)());
          ++streams;
        }
      }
    }
  }
  CHECK(static_cast<int>(first.size()) == streams);
  CHECK(Random(3, Purpose::shuffle, 4, 5)() == Random(3, Purpose::shuffle, 4, 5)());
}

TEST_CASE("uniform, normal and below have the right moments and ranges") {
  Random random(9, Purpose::synthetic_data, 0);
  double mean = 0.0;
  double square = 0.0;
  std::vector<int> counts(7);
  constexpr int kDraws = 70000;
  for (int i = 0; i < kDraws; ++i) {
    const double u = random.uniform();
    REQUIRE((u >= 0.0 && u < 1.0));
    const double z = random.normal();
    mean += z / kDraws;
    square += z * z / kDraws;
    const std::uint32_t draw = random.below(7);
    REQUIRE(draw < 7);
    ++counts[draw];
  }
  CHECK(std::abs(mean) < 4.0 / std::sqrt(kDraws));
  CHECK(std::abs(square - 1.0) < 4.0 * std::sqrt(2.0 / kDraws));
  for (const int count : counts)
    CHECK(std::abs(count - kDraws / 7) < 4.0 * std::sqrt(kDraws / 7.0));
  CHECK(random.below(1) == 0);
  CHECK_THROWS_AS(random.below(0), Error);
}
