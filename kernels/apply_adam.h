// SPDX-License-Identifier: MIT
#pragma once

#include <span>

#include <cuda_runtime_api.h>

#include "max_items.h"
#include "scratch.h"
#include <dropmuon/ops/optimizer_args.h>

namespace dropmuon::kernels {

// One launch per kMaxItems items; no item, no launch. The items are host memory and free again on
// return. Scratch as for dual_norms; cudaErrorInvalidValue: too little of it, or an item of size 0.
cudaError_t apply_adam(std::span<const AdamItem> items, const AdamRule& rule,
                       const Scratch& scratch, cudaStream_t stream);

}  // namespace dropmuon::kernels
