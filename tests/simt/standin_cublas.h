// SPDX-License-Identifier: MIT
// The handle of the cuBLAS stand-in.
#pragma once

#include <cstddef>

#include <cublas_v2.h>

#include "simt/standin.h"

struct cublasContext {
  cudaStream_t stream = nullptr;
  cublasPointerMode_t pointer_mode = CUBLAS_POINTER_MODE_HOST;
  cublasMath_t math = CUBLAS_DEFAULT_MATH;
  void* workspace = nullptr;
  std::size_t workspace_bytes = 0;
};

namespace simt {

bool is_live(cublasHandle_t handle);
// Notes why on stderr and returns the status.
cublasStatus_t refuse_blas(const char* call, const char* why,
                           cublasStatus_t status = CUBLAS_STATUS_INVALID_VALUE);

}  // namespace simt
