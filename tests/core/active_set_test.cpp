// SPDX-License-Identifier: MIT
#include "catch.h"
#include <dropmuon/core/active_set.h>
#include <dropmuon/core/error.h>

using namespace dropmuon;

TEST_CASE("an active set knows its first layer, its size and its members") {
  const ActiveSet set = ActiveSet::of(std::vector<int>{5, 2, 3}, 7);
  CHECK(set.first() == 2);
  CHECK(set.count() == 3);
  CHECK(set.contains(3));
  CHECK_FALSE(set.contains(4));
  CHECK(set.key() == 0b101100);
  CHECK(set.text() == "{2,3,5}");
}

TEST_CASE("suffixes cover every depth up to 64") {
  for (int depth = 1; depth <= ActiveSet::kMaxDepth; ++depth) {
    CHECK(ActiveSet::all(depth).count() == depth);
    for (int first = 0; first < depth; ++first) {
      const ActiveSet suffix = ActiveSet::suffix(first, depth);
      CHECK(suffix.first() == first);
      CHECK(suffix.count() == depth - first);
    }
  }
}

TEST_CASE("an empty set, a layer out of range and a depth out of range are refused") {
  CHECK_THROWS_AS(ActiveSet::of(std::vector<int>{}, 3), Error);
  CHECK_THROWS_AS(ActiveSet::of(std::vector<int>{3}, 3), Error);
  CHECK_THROWS_AS(ActiveSet::suffix(0, 65), Error);
}
