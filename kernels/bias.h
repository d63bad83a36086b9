// SPDX-License-Identifier: MIT
#pragma once

#include <cuda_runtime_api.h>

#include "scratch.h"
#include <dropmuon/ops/network_args.h>

namespace dropmuon::kernels {

// cudaErrorInvalidValue: a size below 1.
cudaError_t add_bias(const AddBias& args, cudaStream_t stream);

// Needs `features` floats of scratch (up to 264 times as many are of use) and one counter;
// cudaErrorInvalidValue if there are fewer or a size is below 1.
cudaError_t bias_gradient(const BiasGradient& args, const Scratch& scratch, cudaStream_t stream);

}  // namespace dropmuon::kernels
