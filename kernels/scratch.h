// SPDX-License-Identifier: MIT
// Device memory that kernels borrow during a launch, so that none of them allocates.
#pragma once

#include <cstddef>

namespace dropmuon::kernels {

// Partial sums of a reduction, and the counters by which the block that finishes last is found.
// Kernels on one stream take turns, so one Scratch serves them all. Counters are zero between
// launches: whoever uses one puts it back.
struct Scratch {
  float* floats = nullptr;  // 16-byte aligned
  std::size_t float_count = 0;
  unsigned* counters = nullptr;
  int counter_count = 0;
};

}  // namespace dropmuon::kernels
