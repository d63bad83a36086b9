// SPDX-License-Identifier: MIT
// Which GPUs there are and what they can do.
#pragma once

#include <cstddef>
#include <string>

namespace dropmuon::cuda {

struct Gpu {
  std::string name;
  int major = 0;  // compute capability
  int minor = 0;
  int multiprocessors = 0;
  std::size_t memory_bytes = 0;
};

Gpu query_gpu(int index);
std::string version_text(int version);  // 13000 -> "13.0", as the runtime and the driver count

}  // namespace dropmuon::cuda
