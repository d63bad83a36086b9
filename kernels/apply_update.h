// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include <cuda_runtime_api.h>

#include "change.h"
#include "max_items.h"
#include "scratch.h"

namespace dropmuon::kernels {

// value <- value * keep - scale * learning_rate * dual_norm * direction, in fp32.
struct UpdateItem {
  std::size_t size;
  float* value;
  const float* direction;
  float scale;
  const float* learning_rate;  // one element
  const float* keep;           // one element, or null: 1
  const float* dual_norm;      // one element, or null: 1
  Change* change;              // one element, brought up to date, or null
};

// One launch per kMaxItems items; no item, no launch. The items are host memory and free again on
// return. Scratch as for dual_norms; cudaErrorInvalidValue: too little of it, a negative count or
// an item of size 0.
cudaError_t apply_update(const UpdateItem* items, int count, const Scratch& scratch,
                         cudaStream_t stream);

}  // namespace dropmuon::kernels
