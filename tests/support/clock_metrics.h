// SPDX-License-Identifier: MIT
// The metrics that differ between two runs of the same steps.
#pragma once

#include <dropmuon/training/metrics.h>

namespace dropmuon {

constexpr bool is_time(Metric metric) {
  return metric == Metric::train_seconds || metric == Metric::forward_seconds ||
         metric == Metric::backward_seconds || metric == Metric::optimizer_seconds ||
         metric == Metric::images_per_second;
}

}  // namespace dropmuon
