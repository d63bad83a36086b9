// SPDX-License-Identifier: MIT
#pragma once

#include <cuda_runtime_api.h>

namespace dropmuon::kernels {

struct AveragePool {
  int n, height, width, channels;
  float* image;   // (n, H, W, C); read by forward, written by backward
  float* pooled;  // (n, C); written by forward, read by backward
};

// pooled = mean of image over H, W, summed in the order of the pixels.
// cudaErrorInvalidValue: a size below 1.
cudaError_t average_pool_forward(const AveragePool& args, cudaStream_t stream);

// image = pooled / (H W)
cudaError_t average_pool_backward(const AveragePool& args, cudaStream_t stream);

}  // namespace dropmuon::kernels
