// SPDX-License-Identifier: MIT
#include "change.h"
#include "cpu_backend.h"
#include "parallel.h"

namespace dropmuon::cpu {

void CpuBackend::apply_update(std::span<const UpdateItem> items) {
  for (const UpdateItem& item : items) {
    const float dual_norm = item.dual_norm != nullptr ? *item.dual_norm : 1.0F;
    const float step = item.scale * *item.learning_rate * dual_norm;
    const float keep = item.keep != nullptr ? *item.keep : 1.0F;
    const double squares = sum_chunks(item.size, threads_, [&](std::size_t begin, std::size_t end) {
      float* value = item.value;
      const float* direction = item.direction;
      double sum = 0.0;
#pragma omp simd reduction(+ : sum)
      for (std::size_t i = begin; i < end; ++i) {
        const float old = value[i];
        value[i] = old * keep - step * direction[i];
        const double moved = static_cast<double>(value[i]) - static_cast<double>(old);
        sum += moved * moved;
      }
      return sum;
    });
    note_change(item.change, squares);
  }
}

}  // namespace dropmuon::cpu
