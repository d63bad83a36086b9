// SPDX-License-Identifier: MIT
// A named range in the timeline of NVIDIA's profilers; costs nothing when none is attached.
#pragma once

#include <nvtx3/nvToolsExt.h>

namespace dropmuon::cuda {

class ProfilerRange {
 public:
  explicit ProfilerRange(const char* name) { nvtxRangePushA(name); }
  ~ProfilerRange() { nvtxRangePop(); }
  ProfilerRange(const ProfilerRange&) = delete;
  ProfilerRange& operator=(const ProfilerRange&) = delete;
};

}  // namespace dropmuon::cuda
