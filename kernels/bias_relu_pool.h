// SPDX-License-Identifier: MIT
// Bias, ReLU and max-pool around a convolution, one launch each way.
#pragma once

#include <cuda_runtime_api.h>

#include "scratch.h"
#include <dropmuon/ops/network_args.h>

namespace dropmuon::kernels {

// cudaErrorInvalidValue: a size below 1, or a pool above kMaxPool or larger than the image.
cudaError_t bias_relu_pool_forward(const BiasReluPoolForward& args, cudaStream_t stream);

// With dbias it needs `channels` floats of scratch (up to 264 times as many are of use) and one
// counter; cudaErrorInvalidValue if there are fewer.
cudaError_t bias_relu_pool_backward(const BiasReluPoolBackward& args, const Scratch& scratch,
                                    cudaStream_t stream);

}  // namespace dropmuon::kernels
