// SPDX-License-Identifier: MIT
// What a kernel notes about how far it moved a tensor, against a sum in double.
#pragma once

#include <cmath>
#include <vector>

#include "catch.h"
#include <dropmuon/ops/optimizer_args.h>

namespace dropmuon::kernels {

// total_before: what stood in `found.total` before.
inline void check_change(const Change& found, double total_before, const std::vector<float>& before,
                         const std::vector<float>& after) {
  double sum = 0.0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    sum += std::pow(static_cast<double>(after[i]) - static_cast<double>(before[i]), 2);
  }
  const double norm = std::sqrt(sum);
  CHECK(std::abs(found.last - norm) <= 6.1e-8 * norm);  // rounded once, to float
  CHECK(std::abs(found.total - (total_before + norm)) <= 1.3e-7 * (total_before + norm));
}

}  // namespace dropmuon::kernels
