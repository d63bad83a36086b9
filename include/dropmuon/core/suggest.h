// SPDX-License-Identifier: MIT
// "Did you mean ...?" for misspelt keys, values, commands and flags.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace dropmuon {

// Optimal string alignment distance: insertions, deletions, substitutions, neighbour swaps.
int edit_distance(std::string_view a, std::string_view b);

// The closest candidate, or "" if none is near enough to be a likely typing error.
std::string closest(std::string_view word, std::span<const std::string> candidates);

// "; did you mean 'uniform'?" or "".
std::string did_you_mean(std::string_view word, std::span<const std::string> candidates);

}  // namespace dropmuon
