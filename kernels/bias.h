// SPDX-License-Identifier: MIT
#pragma once

#include <cuda_runtime_api.h>

#include "scratch.h"

namespace dropmuon::kernels {

// y (n, features) += bias (features), row by row. cudaErrorInvalidValue: a size below 1.
cudaError_t add_bias(int n, int features, const float* bias, float* y, cudaStream_t stream);

// dbias (features) = sum of the rows of dy (n, features), plus the old dbias if accumulating. Needs
// `features` floats of scratch (up to 264 times as many are of use) and one counter;
// cudaErrorInvalidValue if there are fewer or a size is below 1.
cudaError_t bias_gradient(int n, int features, const float* dy, float* dbias, bool accumulate,
                          const Scratch& scratch, cudaStream_t stream);

}  // namespace dropmuon::kernels
