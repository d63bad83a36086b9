// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include <cuda_runtime_api.h>

#include "max_items.h"

namespace dropmuon::kernels {

// m <- mu m + grad_weight (g + coupled_decay w);  direction = m, or with Nesterov
// direction = mu m + grad_weight (g + coupled_decay w), with the new m.
struct MomentumRule {
  float mu, grad_weight, coupled_decay;
  bool nesterov;
};

struct MomentumItem {
  std::size_t size;
  const float* grad;
  const float* value;  // read only if coupled_decay is not 0
  float* momentum;
  float* direction;  // without Nesterov it may be momentum itself
};

// One launch per kMaxItems items; no item, no launch. The items are host memory and free again on
// return. cudaErrorInvalidValue: a negative count, an item of size 0, or Nesterov with a direction
// that is the momentum.
cudaError_t update_momentum(const MomentumItem* items, int count, const MomentumRule& rule,
                            cudaStream_t stream);

}  // namespace dropmuon::kernels
