// SPDX-License-Identifier: MIT
#pragma once

#include <cuda_runtime_api.h>

#include "newton_schulz/operand.h"
#include "newton_schulz/product.h"
#include "scratch.h"

namespace dropmuon::kernels {

// Products that one launch takes: their descriptions travel in the kernel's arguments.
inline constexpr int kProductsPerLaunch = 30;

// Computes products that do not depend on each other, in one launch unless there are more than
// kProductsPerLaunch or they need more scratch than there is: a product cut into splits takes
// tiles * splits * tile^2 floats and one counter a tile. The products are host memory and free
// again on return. No product, no launch.
// cudaErrorInvalidValue: a negative count, a size of 0, or too little scratch for one product.
cudaError_t grouped_product(const Product* products, int count, Operand operand,
                            const Scratch& scratch, cudaStream_t stream);

// The launches that takes; -1 where it would refuse.
int grouped_product_launches(const Product* products, int count, const Scratch& scratch);

}  // namespace dropmuon::kernels
