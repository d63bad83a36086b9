// SPDX-License-Identifier: MIT
#pragma once

#include <span>

#include <cuda_runtime_api.h>

#include "max_items.h"
#include "scratch.h"
#include <dropmuon/ops/optimizer_args.h>

namespace dropmuon::kernels {

// Summed in double precision. One launch per kMaxItems items; no item, no launch. The items are
// host memory and free again on return. Needs 2 floats of scratch for each of the items of a launch
// (up to 1056 are of use; with fewer there are more launches) and one counter;
// cudaErrorInvalidValue: not even 2 floats, no counter, or an item of size 0.
cudaError_t dual_norms(std::span<const DualNormItem> items, const Scratch& scratch,
                       cudaStream_t stream);

}  // namespace dropmuon::kernels
