// SPDX-License-Identifier: MIT
#include <cmath>

#include "cpu_backend.h"
#include "parallel.h"

namespace dropmuon::cpu {
namespace {

void update(const AdamItem& item, const AdamRule& rule, std::size_t begin, std::size_t end) {
  float* value = item.value;
  float* first = item.first;
  float* second = item.second;
  const float* grad = item.grad;
  const AdamScalars scalars = *item.scalars;
  const float beta1 = rule.beta1;
  const float beta2 = rule.beta2;
#pragma omp simd
  for (std::size_t i = begin; i < end; ++i) {
    const float g = grad[i];
    const float m = beta1 * first[i] + rule.first_weight * g;
    const float v = beta2 * second[i] + rule.second_weight * g * g;
    first[i] = m;
    second[i] = v;
    const float step =
        m * scalars.first_correction / (std::sqrt(v * scalars.second_correction) + rule.epsilon);
    value[i] = value[i] * scalars.keep - scalars.learning_rate * step;
  }
}

}  // namespace

void CpuBackend::apply_adam(std::span<const AdamItem> items, const AdamRule& rule) {
  for (const AdamItem& item : items) {
    for_chunks(item.size, threads_,
               [&](std::size_t begin, std::size_t end) { update(item, rule, begin, end); });
  }
}

}  // namespace dropmuon::cpu
