// SPDX-License-Identifier: MIT
// Which runs are repetitions of each other.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <dropmuon/experiments/compare.h>

namespace dropmuon {

// Of a setting of the run; "" where its section is null.
std::string value_of(const ComparedRun& run, const std::string& key);

// Labels and runs only; groups and their runs in the order of `runs`.
std::vector<ComparedGroup> make_groups(std::vector<ComparedRun> runs);

// Throws Error(usage) if `wanted` is not exactly one group's label, folder, name or part of a
// label.
std::size_t find_baseline(const std::vector<ComparedGroup>& groups, const std::string& wanted);

}  // namespace dropmuon
