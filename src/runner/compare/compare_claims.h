// SPDX-License-Identifier: MIT
// What keeps a difference from being claimed, whatever its interval says.
#pragma once

#include <dropmuon/runner/compare.h>

namespace dropmuon {

// Fills in ComparedGroup::no_claim of every group but the baseline.
void find_obstacles_to_claims(Comparison& comparison);

}  // namespace dropmuon
