// SPDX-License-Identifier: MIT
#pragma once

#include <cublas_v2.h>
#include <cuda_runtime_api.h>

#include "kernels/newton_schulz/operand.h"
#include "kernels/newton_schulz/product.h"

namespace dropmuon::cuda {

// The product by cuBLAS instead of a kernel of ours, for matrices that keep a GPU busy alone.
// Factors and d are taken as they are: Factor::scaled and scaled_d do not count. The rows of c, d
// and shifted follow each other without gaps. `blas` works on `stream`. Throws Error.
void multiply_by_blas(cublasHandle_t blas, const kernels::Product& product,
                      kernels::Operand operand, cudaStream_t stream);

}  // namespace dropmuon::cuda
