// SPDX-License-Identifier: MIT
#include "cpu_backend.h"
#include "parallel.h"

namespace dropmuon::cpu {

void CpuBackend::apply_update(std::span<const UpdateItem> items) {
  for (const UpdateItem& item : items) {
    const float dual_norm = item.dual_norm != nullptr ? *item.dual_norm : 1.0F;
    const float step = item.scale * *item.learning_rate * dual_norm;
    const float keep = item.keep != nullptr ? *item.keep : 1.0F;
    for_chunks(item.size, threads_, [&](std::size_t begin, std::size_t end) {
      float* value = item.value;
      const float* direction = item.direction;
#pragma omp simd
      for (std::size_t i = begin; i < end; ++i) {
        value[i] = value[i] * keep - step * direction[i];
      }
    });
  }
}

}  // namespace dropmuon::cpu
