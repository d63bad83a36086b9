// SPDX-License-Identifier: MIT
#include "cpu_backend.h"
#include "parallel.h"
#include <dropmuon/core/error.h>

namespace dropmuon::cpu {
namespace {

// direction may be the momentum itself: each element is read before it is written.
void update(const MomentumItem& item, const MomentumRule& rule, std::size_t begin,
            std::size_t end) {
  const float* grad = item.grad;
  const float* value = item.value;
  float* momentum = item.momentum;
  float* direction = item.direction;
  const float mu = rule.mu;
  const float weight = rule.grad_weight;
  const float decay = rule.coupled_decay;
  const float ahead_mu = rule.nesterov == Nesterov::yes ? mu : 1.0F;
  const float ahead_weight = rule.nesterov == Nesterov::yes ? weight : 0.0F;
  if (decay == 0.0F) {
#pragma omp simd
    for (std::size_t i = begin; i < end; ++i) {
      const float g = grad[i];
      const float m = mu * momentum[i] + weight * g;
      momentum[i] = m;
      direction[i] = ahead_mu * m + ahead_weight * g;
    }
    return;
  }
#pragma omp simd
  for (std::size_t i = begin; i < end; ++i) {
    const float g = grad[i] + decay * value[i];
    const float m = mu * momentum[i] + weight * g;
    momentum[i] = m;
    direction[i] = ahead_mu * m + ahead_weight * g;
  }
}

}  // namespace

void CpuBackend::update_momentum(std::span<const MomentumItem> items, const MomentumRule& rule) {
  for (const MomentumItem& item : items) {
    DM_CHECK(rule.nesterov == Nesterov::no || item.direction != item.momentum,
             "with Nesterov the direction needs memory of its own");
    for_chunks(item.size, threads_,
               [&](std::size_t begin, std::size_t end) { update(item, rule, begin, end); });
  }
}

}  // namespace dropmuon::cpu
