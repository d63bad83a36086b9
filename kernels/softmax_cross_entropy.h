// SPDX-License-Identifier: MIT
#pragma once

#include <cuda_runtime_api.h>

#include "scratch.h"
#include <dropmuon/ops/network_args.h>

namespace dropmuon::kernels {

// One launch, a warp per row, in double precision. dlogits may be logits itself. A label that is no
// class makes the loss NaN. Needs 4 floats of scratch (up to 2112 are of use) and one counter;
// cudaErrorInvalidValue if there are fewer or a size is below 1.
cudaError_t softmax_cross_entropy(const SoftmaxCrossEntropy& args, const Scratch& scratch,
                                  cudaStream_t stream);

}  // namespace dropmuon::kernels
