// SPDX-License-Identifier: MIT
#pragma once

#include <cuda_runtime_api.h>

namespace dropmuon::kernels {

// Independent chains of fused multiply-adds in registers, to measure the device's fp32 peak. Eight
// blocks a multiprocessor fill it; a few thousand rounds take milliseconds. out (blocks) receives
// the blocks' sums, so that no work can be left out. cudaErrorInvalidValue: a size below 1.
cudaError_t fma_loop(int blocks, int rounds, float* out, cudaStream_t stream);

// Floating-point operations of one such launch, two per multiply-add.
double fma_loop_flops(int blocks, int rounds);

}  // namespace dropmuon::kernels
