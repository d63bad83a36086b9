// SPDX-License-Identifier: MIT
#include "catch.h"
#include <dropmuon/optim/schedule.h>

using namespace dropmuon;

namespace {

double factor(const ScheduleOptions& options, std::int64_t step, std::int64_t total) {
  return schedule_factor(options, {.step = step, .total_steps = total});
}

}  // namespace

TEST_CASE("a constant schedule is 1 after its warm-up", "[schedule]") {
  CHECK(factor({}, 0, 10) == 1.0);
  CHECK(factor({}, 9, 10) == 1.0);
  const ScheduleOptions warm = {.warmup_steps = 4};
  CHECK(factor(warm, 0, 10) == 0.25);
  CHECK(factor(warm, 3, 10) == 1.0);
  CHECK(factor(warm, 4, 10) == 1.0);
}

TEST_CASE("linear and cosine go from 1 to the final fraction at the last step", "[schedule]") {
  for (const ScheduleType type : {ScheduleType::linear, ScheduleType::cosine}) {
    for (const int warmup : {0, 5}) {
      const ScheduleOptions options = {.type = type, .warmup_steps = warmup, .final_fraction = 0.2};
      const std::int64_t total = 21 + warmup;
      CHECK(factor(options, warmup, total) == 1.0);
      CHECK(factor(options, warmup + 10, total) == Approx(0.6));
      CHECK(factor(options, total - 1, total) == Approx(0.2));
      CHECK(factor(options, total + 7, total) == Approx(0.2));  // a continued run stays there
    }
  }
  CHECK(factor({.type = ScheduleType::linear}, 5, 21) == Approx(0.75));
  CHECK(factor({.type = ScheduleType::cosine}, 5, 21) == Approx(0.853553391));
  CHECK(factor({.type = ScheduleType::linear}, 20, 21) == 0.0);
}

TEST_CASE("runs shorter than the schedule", "[schedule]") {
  for (const ScheduleType type :
       {ScheduleType::constant, ScheduleType::linear, ScheduleType::cosine}) {
    CHECK(factor({.type = type}, 0, 1) == 1.0);
    CHECK(factor({.type = type, .warmup_steps = 3}, 3, 4) == 1.0);
    CHECK(factor({.type = type, .warmup_steps = 10}, 1, 2) == Approx(0.2));
  }
}
