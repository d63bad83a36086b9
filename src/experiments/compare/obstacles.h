// SPDX-License-Identifier: MIT
// What keeps a difference from being claimed, whatever its interval says.
#pragma once

#include <dropmuon/experiments/compare.h>

namespace dropmuon {

// Fills in ComparedGroup::no_claim of every group but the baseline.
void find_obstacles(Comparison& comparison);

}  // namespace dropmuon
