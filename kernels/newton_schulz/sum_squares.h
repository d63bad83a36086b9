// SPDX-License-Identifier: MIT
// Device code: the sum of squares of a piece of a matrix, by one block.
#pragma once

#include "device/language.h"

namespace dropmuon::kernels {

inline constexpr int kNormThreads = 256;
inline constexpr double kSmallestNorm = 1e-30;

__device__ inline double warp_sum(double value) {
  for (int distance = 16; distance > 0; distance /= 2) {
    value += __shfl_xor_sync(0xffffffffU, value, distance);
  }
  return value;
}

// The result is the same in all threads. A square of a float fits a double whatever its exponent.
__device__ inline double sum_squares(const float* in, std::size_t begin, std::size_t end,
                                     double (&warps)[kNormThreads / 32]) {
  double sum = 0.0;
  for (std::size_t i = begin + threadIdx.x; i < end; i += kNormThreads) {
    const double value = in[i];
    sum = fma(value, value, sum);
  }
  sum = warp_sum(sum);
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = sum;
  __syncthreads();
  double total = warps[0];
  for (int w = 1; w < kNormThreads / 32; ++w) total += warps[w];
  __syncthreads();
  return total;
}

__device__ inline float scale_of(double squares) {
  const double norm = sqrt(squares);
  return static_cast<float>(1.0 / (norm < kSmallestNorm ? kSmallestNorm : norm));
}

}  // namespace dropmuon::kernels
