// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include <cuda_bf16.h>
#include <cuda_runtime_api.h>

namespace dropmuon::kernels {

// out = in, rounded to the nearest (ties to even). cudaErrorInvalidValue: count is 0.
cudaError_t to_bf16(std::size_t count, const float* in, __nv_bfloat16* out, cudaStream_t stream);

// out = in, or out += in if accumulating (in fp32). cudaErrorInvalidValue: count is 0.
cudaError_t from_bf16(std::size_t count, const __nv_bfloat16* in, float* out, bool accumulate,
                      cudaStream_t stream);

}  // namespace dropmuon::kernels
