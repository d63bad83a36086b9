// SPDX-License-Identifier: MIT
#include "cpu_backend.h"
#include "parallel.h"

namespace dropmuon::cpu {

void CpuBackend::dual_norms(std::span<const DualNormItem> items) {
  for (const DualNormItem& item : items) {
    *item.result = static_cast<float>(dot(item.in, item.direction, item.size, threads_));
  }
}

}  // namespace dropmuon::cpu
