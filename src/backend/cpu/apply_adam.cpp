// SPDX-License-Identifier: MIT
#include <cmath>

#include "change.h"
#include "cpu_backend.h"
#include "parallel.h"

namespace dropmuon::cpu {
namespace {

// Returns the sum of the squares of what was added to the values.
double update(const AdamItem& item, const AdamRule& rule, std::size_t begin, std::size_t end) {
  float* value = item.value;
  float* first = item.first;
  float* second = item.second;
  const float* grad = item.grad;
  const AdamScalars scalars = *item.scalars;
  const float beta1 = rule.beta1;
  const float beta2 = rule.beta2;
  double sum = 0.0;
#pragma omp simd reduction(+ : sum)
  for (std::size_t i = begin; i < end; ++i) {
    const float g = grad[i];
    const float m = beta1 * first[i] + rule.first_weight * g;
    const float v = beta2 * second[i] + rule.second_weight * g * g;
    first[i] = m;
    second[i] = v;
    const float step =
        m * scalars.first_correction / (std::sqrt(v * scalars.second_correction) + rule.epsilon);
    const float old = value[i];
    value[i] = old * scalars.keep - scalars.learning_rate * step;
    const double moved = static_cast<double>(value[i]) - static_cast<double>(old);
    sum += moved * moved;
  }
  return sum;
}

}  // namespace

void CpuBackend::apply_adam(std::span<const AdamItem> items, const AdamRule& rule) {
  for (const AdamItem& item : items) {
    const double squares = sum_chunks(item.size, threads_, [&](std::size_t begin, std::size_t end) {
      return update(item, rule, begin, end);
    });
    note_change(item.change, squares);
  }
}

}  // namespace dropmuon::cpu
