// SPDX-License-Identifier: MIT
#pragma once

#include <cuda_runtime_api.h>

#include <dropmuon/ops/network_args.h>

namespace dropmuon::kernels {

// Summed in the order of the pixels. cudaErrorInvalidValue: a size below 1.
cudaError_t average_pool_forward(const AveragePool& args, cudaStream_t stream);
cudaError_t average_pool_backward(const AveragePool& args, cudaStream_t stream);

}  // namespace dropmuon::kernels
