// SPDX-License-Identifier: MIT
#pragma once

#include <span>

#include <cuda_runtime_api.h>

#include "max_items.h"
#include "scratch.h"
#include <dropmuon/ops/optimizer_args.h>

namespace dropmuon::kernels {

// Per kMaxItems items one launch, two if any of them is euclidean; no item, no launch. The items
// are host memory and free again on return. Euclidean items need 2 floats of scratch each (up to
// 1056 in all are of use; with fewer there are more launches) and no counter.
// cudaErrorInvalidValue: not even 2 floats for a euclidean item, or a size below 1.
cudaError_t normalize(std::span<const NormalizeItem> items, const Scratch& scratch,
                      cudaStream_t stream);

}  // namespace dropmuon::kernels
