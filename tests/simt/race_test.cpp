// SPDX-License-Identifier: MIT
// What the race detector reports and what it lets pass; these tests exist in the race build only.
#include "selftest.h"

using namespace selftest;

TEST_CASE("the race detector is on in the race build, and only there") {
#if defined(SIMT_RACE_BUILD)
  CHECK(simt::race_build());
#else
  CHECK_FALSE(simt::race_build());
#endif
}

#if defined(SIMT_RACE_BUILD)

// The report of the faulty kernel in each of three orders; all must agree that there is a race.
static bool always_reported(Fault fault, const std::string& memory) {
  bool always = true;
  for (const int order : {0, -1, 1, 2}) {
    const Harness harness;
    simt::set_order(order);
    const Device<float> out(std::vector<float>(1024, 0.0f));
    REQUIRE(faulty(fault, out, 1, harness.stream) == cudaSuccess);
    const auto result = harness.finish();
    always =
        always && result == cudaErrorLaunchFailure && contains(simt::report(), "race on " + memory);
  }
  return always;
}

TEST_CASE("missing barriers are races on shared memory") {
  CHECK(always_reported(Fault::missing_barrier, "shared"));
  CHECK(always_reported(Fault::missing_syncwarp, "shared"));
  CHECK(always_reported(Fault::tile_overwritten, "shared"));
  CHECK(always_reported(Fault::overwritten_after_read, "shared"));
}

TEST_CASE("lost updates and reads of another block's result are races on global memory") {
  CHECK(always_reported(Fault::lost_update, "global"));
  CHECK(always_reported(Fault::neighbour_block, "global"));
}

TEST_CASE("the last-block counter needs its fence and its barrier") {
  const auto race_in = [](LastBlock variant, int order) {
    const Harness harness;
    simt::set_order(order);
    const Device<float> x(std::vector<float>(5000, 1.0f));
    const Device<float> partials(8 * 256);
    const Device<unsigned> counter(std::vector<unsigned>{0});
    const Device<float> sum(1);
    REQUIRE(last_block_sum(variant, x, partials, counter, sum, 5000, harness.stream) ==
            cudaSuccess);
    const auto result = harness.finish();
    return result == cudaErrorLaunchFailure && contains(simt::report(), "race on global");
  };
  for (const int order : {0, -1, 1, 2}) {
    CHECK_FALSE(race_in(LastBlock::right, order));
    CHECK_FALSE(race_in(LastBlock::fence_by_all, order));
    CHECK(race_in(LastBlock::no_fence, order));
    CHECK(race_in(LastBlock::no_barrier, order));
    CHECK(race_in(LastBlock::fence_before_write, order));
  }
}

#endif
