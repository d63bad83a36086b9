// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include <cuda_runtime_api.h>

#include "scratch.h"

namespace dropmuon::kernels {

// scale = 1 / max(||in||_F, 1e-30), with the squares summed in double precision.
struct FrobeniusItem {
  const float* in;
  std::size_t size;
  float* scale;  // one element
};

inline constexpr int kNormsPerLaunch = 64;

// Elements that one block adds up: at most 256 partial sums a matrix. It depends on the size alone.
__host__ __device__ constexpr std::size_t norm_chunk(std::size_t size) {
  const std::size_t chunk = (size + 255) / 256;
  return chunk < 4096 ? 4096 : chunk;
}

// One launch per kNormsPerLaunch matrices. Needs 512 floats of scratch and one counter for each of
// them; with less there are more launches. The items are host memory and free again on return.
// cudaErrorInvalidValue: a negative count, a size of 0, not even 512 floats or no counter.
cudaError_t frobenius_scales(const FrobeniusItem* items, int count, const Scratch& scratch,
                             cudaStream_t stream);

// The launches that takes; -1 where it would refuse for want of scratch.
int frobenius_scale_launches(int count, const Scratch& scratch);

// out = *scale in + shift I, for a matrix of `size` elements whose diagonal elements lie at the
// multiples of diagonal_stride; with a null scale 1. out may be in.
// cudaErrorInvalidValue: a size or stride of 0.
cudaError_t scaled_copy(const float* in, const float* scale, float shift,
                        std::size_t diagonal_stride, float* out, std::size_t size,
                        cudaStream_t stream);

}  // namespace dropmuon::kernels
