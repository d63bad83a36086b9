// SPDX-License-Identifier: MIT
#include <algorithm>
#include <vector>

#include <dropmuon/core/error.h>
#include <dropmuon/core/statistics.h>

namespace dropmuon {

double median(std::span<const double> values) {
  std::vector<double> copy(values.begin(), values.end());
  return median_in_place(copy);
}

double median_in_place(std::span<double> values) {
  DM_CHECK(!values.empty(), "no values");
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*std::max_element(values.begin(), middle) + *middle) / 2.0;
}

}  // namespace dropmuon
