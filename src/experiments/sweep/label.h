// SPDX-License-Identifier: MIT
// Names of jobs: short, different, and safe in a folder and in a shell.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "axes.h"

namespace dropmuon {

// For each dotted key the shortest end of it that no other one of them shares.
std::map<std::string, std::string> short_names(const std::vector<std::string>& paths);

// A value as it prints: "[64, 128]" becomes "64x128"; what is not safe becomes '_'.
std::string label_value(const std::string& value);

// "case-lr=0.1-tau=2": the case and its point, keys by their short names; empty if both are.
std::string label_of(const std::string& case_name, const SweepPoint& point,
                     const std::map<std::string, std::string>& names);

// As a configuration may be called, which is a little less than a folder may.
std::string name_of_label(const std::string& label);

}  // namespace dropmuon
