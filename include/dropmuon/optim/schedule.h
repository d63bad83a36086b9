// SPDX-License-Identifier: MIT
// Learning-rate schedules.
#pragma once

#include <dropmuon/optim/step_info.h>

namespace dropmuon {

enum class ScheduleType { constant, linear, cosine };

struct ScheduleOptions {
  ScheduleType type = ScheduleType::constant;
  int warmup_steps = 0;
  double final_fraction = 0.0;  // linear, cosine: the factor at the last step
};

// The factor on the configured learning rate at a step. Warm-up: (step + 1) / warmup_steps for the
// first warmup_steps steps; then with u = (step - warmup) / (total - warmup - 1) in [0, 1]:
// linear 1 - (1 - final) u, cosine final + (1 - final) (1 + cos(pi u)) / 2.
double schedule_factor(const ScheduleOptions& options, const StepInfo& info);

}  // namespace dropmuon
