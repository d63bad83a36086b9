// SPDX-License-Identifier: MIT
#pragma once

#include <cuda_runtime_api.h>

#include "newton_schulz/iteration.h"
#include "newton_schulz/operand.h"

namespace dropmuon::kernels {

struct FusedItem {
  const float* in;
  float* out;    // not `in`
  float* spare;  // as large as in; unused by the Gram form without restarts
  int rows, cols;
  bool gram;
};

inline constexpr int kFusedItemsPerLaunch = 64;
// The side up to which all squares of a matrix fit in shared memory: five of 64 x 64 and one slice
// of operands are 98 KiB, of the 99 that the smallest of our GPUs gives a block.
inline constexpr int kLargestFusedSide = 64;

// The whole of Newton-Schulz in one launch per kFusedItemsPerLaunch matrices, one block for each,
// with the bits of the staged products. The items are host memory and free again on return.
// cudaErrorInvalidValue: a negative count, a size of 0, a short side above kLargestFusedSide, or
// a number of steps outside [1, Polynomials::kMaxSteps].
cudaError_t fused_iteration(const FusedItem* items, int count, const Polynomials& method,
                            Operand operand, cudaStream_t stream);

}  // namespace dropmuon::kernels
