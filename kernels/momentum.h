// SPDX-License-Identifier: MIT
#pragma once

#include <span>

#include <cuda_runtime_api.h>

#include "max_items.h"
#include <dropmuon/ops/optimizer_args.h>

namespace dropmuon::kernels {

// One launch per kMaxItems items; no item, no launch. The items are host memory and free again on
// return. cudaErrorInvalidValue: an item of size 0, or Nesterov with a direction that is the
// momentum.
cudaError_t update_momentum(std::span<const MomentumItem> items, const MomentumRule& rule,
                            cudaStream_t stream);

}  // namespace dropmuon::kernels
