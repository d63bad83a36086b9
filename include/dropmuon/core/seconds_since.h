// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>

namespace dropmuon {

template <typename Clock, typename Duration>
double seconds_since(std::chrono::time_point<Clock, Duration> begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

}  // namespace dropmuon
