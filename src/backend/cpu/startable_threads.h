// SPDX-License-Identifier: MIT
// How many threads the system will start. GCC's OpenMP runtime ends the process where it cannot
// have one, so this is asked before it is.
#pragma once

#include <string>

namespace dropmuon::cpu {

struct StartableThreads {
  int count = 1;       // of those wanted, with the calling one
  std::string reason;  // why there are no more, "" if there are
};

// Starts `wanted` - 1 threads with the stack that the OpenMP runtime would give them, all at once,
// and ends them. Throws Error(bad_config) if OMP_STACKSIZE or GOMP_STACKSIZE is too small.
StartableThreads startable_threads(int wanted);

}  // namespace dropmuon::cpu
