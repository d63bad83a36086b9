// SPDX-License-Identifier: MIT
#include "device/grid.h"
#include "device/language.h"
#include "device/reduce.h"
#include "peak_flops.h"

namespace dropmuon::kernels {
namespace {

constexpr int kChains = 8;  // independent, so that latency is hidden even at low occupancy
constexpr int kSteps = 16;  // of each chain per round, unrolled

__global__ void __launch_bounds__(kThreads)
    peak_flops_kernel(int rounds, float factor, float term, float* out) {
  SHARED(float[kThreads / 32], staging);
  float chain[kChains];
  // factor and term are arguments and the threads start apart: nothing is known beforehand.
  for (int k = 0; k < kChains; ++k) chain[k] = static_cast<float>(threadIdx.x + 256 * k);
  for (int round = 0; round < rounds; ++round) {
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
#pragma unroll
      for (int k = 0; k < kChains; ++k) chain[k] = fmaf(chain[k], factor, term);
    }
  }
  float sum = 0.0F;
  for (int k = 0; k < kChains; ++k) sum += chain[k];
  sum = block_sum<kThreads / 32>(sum, staging);
  if (threadIdx.x == 0) out[blockIdx.x] = sum;
}

}  // namespace

cudaError_t fma_loop(int blocks, int rounds, float* out, cudaStream_t stream) {
  if (blocks < 1 || rounds < 1) return cudaErrorInvalidValue;
  return launch(peak_flops_kernel, static_cast<unsigned>(blocks), kThreads, 0, stream, rounds,
                0.999F, 0.001F, out);
}

double fma_loop_flops(int blocks, int rounds) {
  return 2.0 * kChains * kSteps * kThreads * static_cast<double>(blocks) *
         static_cast<double>(rounds);
}

}  // namespace dropmuon::kernels
