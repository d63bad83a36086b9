// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <numbers>

#include <dropmuon/optim/schedule.h>

namespace dropmuon {

double schedule_factor(const ScheduleOptions& options, const StepInfo& info) {
  const std::int64_t warmup = options.warmup_steps;
  if (info.step < warmup) return static_cast<double>(info.step + 1) / static_cast<double>(warmup);
  // A single step after the warm-up counts as the first one.
  const std::int64_t last = std::max<std::int64_t>(info.total_steps - warmup - 1, 1);
  const double u =
      std::clamp(static_cast<double>(info.step - warmup) / static_cast<double>(last), 0.0, 1.0);
  const double low = options.final_fraction;
  switch (options.type) {
    case ScheduleType::constant:
      return 1.0;
    case ScheduleType::linear:
      return 1.0 - (1.0 - low) * u;
    case ScheduleType::cosine:
      return low + (1.0 - low) * (1.0 + std::cos(std::numbers::pi * u)) / 2.0;
  }
  return 1.0;
}

}  // namespace dropmuon
