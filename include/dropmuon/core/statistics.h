// SPDX-License-Identifier: MIT
#pragma once

#include <span>

namespace dropmuon {

// The middle value, or the mean of the middle two: infinite as soon as one of those is. Of at least
// one value.
double median(std::span<const double> values);
double median_in_place(std::span<double> values);  // the same; reorders them

}  // namespace dropmuon
