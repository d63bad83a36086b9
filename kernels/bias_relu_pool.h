// SPDX-License-Identifier: MIT
// Bias, ReLU and max-pool around a convolution, one launch each way. Windows do not overlap; rows
// and columns that fill no window are dropped by forward and get zero gradients from backward.
#pragma once

#include <cstdint>

#include <cuda_runtime_api.h>

#include "scratch.h"

namespace dropmuon::kernels {

// out = max over pool x pool windows of relu(conv + bias). winner: the index (0 .. pool^2 - 1, row
// by row) of the first maximum, or 255 if the maximum is not positive. A NaN stays the maximum only
// where it is the window's first value.
struct BiasReluPoolForward {
  int n, height, width, channels, pool;  // of conv; pool is 1 (none) to 15
  const float* conv;                     // (n, H, W, C)
  const float* bias;                     // (C)
  float* out;                            // (n, H/pool, W/pool, C)
  std::uint8_t* winner;                  // as out, or null: keep nothing for backward
};

// dconv = dout at each window's winner, 0 everywhere else; dbias = sum of dconv over n, H, W.
struct BiasReluPoolBackward {
  int n, height, width, channels, pool;
  const float* dout;           // (n, H/pool, W/pool, C)
  const std::uint8_t* winner;  // as dout
  float* dconv;                // (n, H, W, C)
  float* dbias;                // (C), or null: not wanted
  bool accumulate;             // dbias is added to what is there
};

// cudaErrorInvalidValue: a size below 1, or a pool above 15 or larger than the image.
cudaError_t bias_relu_pool_forward(const BiasReluPoolForward& args, cudaStream_t stream);

// With dbias it needs `channels` floats of scratch (up to 264 times as many are of use) and one
// counter; cudaErrorInvalidValue if there are fewer.
cudaError_t bias_relu_pool_backward(const BiasReluPoolBackward& args, const Scratch& scratch,
                                    cudaStream_t stream);

}  // namespace dropmuon::kernels
