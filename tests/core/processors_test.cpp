// SPDX-License-Identifier: MIT
#include <thread>

#include <sched.h>

#include "catch.h"
#include <dropmuon/core/processors.h>

using namespace dropmuon;

TEST_CASE("the processors of a thread are those of its mask, and a set confines it") {
  const std::vector<int> all = allowed_processors();
  cpu_set_t mask;
  REQUIRE(sched_getaffinity(0, sizeof(mask), &mask) == 0);
  CHECK(static_cast<int>(all.size()) == CPU_COUNT(&mask));
  for (const int each : all) CHECK(CPU_ISSET(static_cast<std::size_t>(each), &mask));
  std::thread([&] {
    REQUIRE(ProcessorSet({all.back()}).confine());
    CHECK(allowed_processors() == std::vector<int>{all.back()});
    CHECK(ProcessorSet(all).confine());
    CHECK(allowed_processors() == all);
    CHECK_FALSE(ProcessorSet({5000}).confine());  // no such processor
  }).join();
}
