// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include <cuda_runtime_api.h>

#include "change.h"
#include "max_items.h"
#include "scratch.h"

namespace dropmuon::kernels {

// The values that change from step to step for one parameter, in device memory.
struct AdamScalars {
  float learning_rate;
  float keep;               // 1 - lr * weight decay
  float first_correction;   // 1 / (1 - beta1^t)
  float second_correction;  // 1 / (1 - beta2^t)
};

struct AdamRule {
  float beta1, beta2;
  float first_weight;   // 1 - beta1
  float second_weight;  // 1 - beta2
  float epsilon;
};

// m <- beta1 m + first_weight g; v <- beta2 v + second_weight g^2;
// value <- value * keep - lr * (m * first_correction) / (sqrt(v * second_correction) + epsilon)
struct AdamItem {
  std::size_t size;
  float* value;
  const float* grad;
  float* first;
  float* second;
  const AdamScalars* scalars;
  Change* change;  // one element, brought up to date, or null
};

// One launch per kMaxItems items; no item, no launch. The items are host memory and free again on
// return. Scratch as for dual_norms; cudaErrorInvalidValue: too little of it, a negative count or
// an item of size 0.
cudaError_t apply_adam(const AdamItem* items, int count, const AdamRule& rule,
                       const Scratch& scratch, cudaStream_t stream);

}  // namespace dropmuon::kernels
