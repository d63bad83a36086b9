// SPDX-License-Identifier: MIT
// Sums in a fixed order: the same bits in every run on the same input.
#pragma once

#include "device/language.h"

namespace dropmuon::kernels {

inline constexpr unsigned kFullWarp = 0xffffffffU;

// The sum over the warp, in every lane. All 32 lanes must come.
template <typename T>
__device__ __forceinline__ T warp_sum(T value) {
  for (int offset = 16; offset > 0; offset /= 2) {
    value += __shfl_xor_sync(kFullWarp, value, offset);
  }
  return value;
}

// The sum over a block of kWarps warps, in every thread of warp 0. staging: kWarps elements of
// shared memory, free again after the caller's next barrier. All threads must come.
template <int kWarps, typename T>
__device__ __forceinline__ T block_sum(T value, T* staging) {
  value = warp_sum(value);
  const int lane = static_cast<int>(threadIdx.x % 32);
  if (lane == 0) staging[threadIdx.x / 32] = value;
  __syncthreads();
  T sum{};
  if (threadIdx.x < 32) sum = warp_sum(lane < kWarps ? staging[lane] : T{});
  return sum;
}

// For partial sums in global memory: true, in all threads of one block, for the block that comes
// here last of all `blocks`. What the others wrote before can then be read with __ldcg. The counter
// must be 0 before the launch and is 0 again after it. All threads must come.
__device__ __forceinline__ bool last_block(unsigned* counter, unsigned blocks) {
  SHARED(bool, last);
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) {
    last = atomicAdd(counter, 1U) == blocks - 1;
    if (last) atomicExch(counter, 0U);
  }
  __syncthreads();
  if (last) __threadfence();
  return last;
}

}  // namespace dropmuon::kernels
