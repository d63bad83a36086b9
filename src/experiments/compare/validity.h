// SPDX-License-Identifier: MIT
// Reasons not to trust a comparison, as warnings; some are refusals.
#pragma once

#include <string>
#include <vector>

#include <dropmuon/experiments/compare.h>

namespace dropmuon {

// Whether the run reached the target that its costs are about.
bool is_hit(const ComparedRun& run);

// Seconds to the target of the group's slowest run that reached it; 0 if none did.
double slowest_hit(const ComparedGroup& group);

// When those misses of the group were evaluated last, in seconds, that had clearly less time than
// `needed`. A diverged run had all the time it wanted.
std::vector<double> short_misses(const ComparedGroup& group, double needed);

// The settings that decide when and on what the target's metric was measured. Needs a target.
std::string when_evaluated(const ComparedGroup& group, const Comparison& comparison);

// Lists the machines; of other machines or builds, other hosts and other data files. Throws
// Error(bad_data) for the first if they are refused.
void check_machines(const std::vector<ComparedRun>& runs, MixedMachines mixed, Comparison& result);

// Of data files that are not the official ones.
void warn_of_data(const std::vector<ComparedRun>& runs, std::vector<std::string>& warnings);

// Of skipped steps, of returns to a checkpoint, and of layers that took no part.
void warn_of_accidents(const std::vector<ComparedRun>& runs, std::vector<std::string>& warnings);

// Of misses that had less time than a run of another group needed: faster steps make such misses of
// runs with an equal number of them.
void warn_of_short_misses(Comparison& comparison);

// Of groups that were evaluated in different ways: a target is met at an evaluation, so late where
// they are rare, and by luck where they are many.
void warn_of_evaluations(Comparison& comparison);

}  // namespace dropmuon
