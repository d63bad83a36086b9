// SPDX-License-Identifier: MIT
#pragma once

#include <cuda_runtime_api.h>

#include <dropmuon/ops/network_args.h>

namespace dropmuon::kernels {

// One launch. cudaErrorInvalidValue: a size below 1, or an image of 2^30 values or more.
cudaError_t gather_batch(const GatherBatch& args, cudaStream_t stream);

}  // namespace dropmuon::kernels
