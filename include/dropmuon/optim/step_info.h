// SPDX-License-Identifier: MIT
// Where training stands: the input of samplers and schedules.
#pragma once

#include <cstdint>

namespace dropmuon {

struct StepInfo {
  std::int64_t step = 0;         // 0-based optimizer step
  std::int64_t total_steps = 1;  // of the whole run
  std::int64_t steps_per_epoch = 1;
  std::int64_t epoch() const { return step / steps_per_epoch; }
};

}  // namespace dropmuon
