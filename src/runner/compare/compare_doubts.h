// SPDX-License-Identifier: MIT
// Reasons not to trust a comparison, as warnings; some are refusals.
#pragma once

#include <string>
#include <vector>

#include <dropmuon/runner/compare.h>

namespace dropmuon {

// Whether the run reached the target that its costs are about.
bool is_hit(const ComparedRun& run);

// Lists the machines; of other machines or builds, other hosts and other data files. Throws
// Error(bad_data) for the first if they are refused.
void check_machines(const std::vector<ComparedRun>& runs, MixedMachines mixed, Comparison& result);

// Of data files that are not the official ones.
void warn_of_data(const std::vector<ComparedRun>& runs, std::vector<std::string>& warnings);

// Of skipped steps and of returns to a checkpoint.
void warn_of_accidents(const std::vector<ComparedRun>& runs, std::vector<std::string>& warnings);

// Of misses that had less time than a run of another group needed: faster steps make such misses of
// runs with an equal number of them.
void warn_of_short_misses(Comparison& comparison);

}  // namespace dropmuon
