// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include <cuda_runtime_api.h>

#include "max_items.h"
#include "scratch.h"

namespace dropmuon::kernels {

// result = <in, direction>, summed in double precision.
struct DualNormItem {
  std::size_t size;
  const float* in;
  const float* direction;
  float* result;  // one element
};

// One launch per kMaxItems items; no item, no launch. The items are host memory and free again on
// return. Needs 2 floats of scratch for each of min(count, kMaxItems) items (up to 1056 are of use;
// with fewer there are more launches) and one counter; cudaErrorInvalidValue: not even 2 floats, no
// counter, a negative count or an item of size 0.
cudaError_t dual_norms(const DualNormItem* items, int count, const Scratch& scratch,
                       cudaStream_t stream);

}  // namespace dropmuon::kernels
