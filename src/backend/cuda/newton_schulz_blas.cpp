// SPDX-License-Identifier: MIT
#include "newton_schulz_blas.h"

#include "check.h"
#include "kernels/newton_schulz/frobenius_scale.h"

namespace dropmuon::cuda {

void multiply_by_blas(cublasHandle_t blas, const kernels::Product& p, kernels::Operand operand,
                      cudaStream_t stream) {
  using kernels::Operand;
  const std::size_t size = static_cast<std::size_t>(p.rows) * static_cast<std::size_t>(p.stride);
  const float beta = p.d == nullptr ? 0.0F : p.beta;
  if (beta != 0.0F) {
    DM_CUDA(cudaMemcpyAsync(p.c, p.d, size * sizeof(float), cudaMemcpyDeviceToDevice, stream));
  }
  // cuBLAS counts by columns: what it sees is C^T = B^T A^T.
  const bool plain_b = p.b.outer_stride == 1;
  const bool plain_a = p.a.depth_stride == 1;
  const cublasComputeType_t type = operand == Operand::fp32   ? CUBLAS_COMPUTE_32F
                                   : operand == Operand::fp16 ? CUBLAS_COMPUTE_32F_FAST_16F
                                                              : CUBLAS_COMPUTE_32F_FAST_16BF;
  DM_CUBLAS(cublasGemmEx(blas, plain_b ? CUBLAS_OP_N : CUBLAS_OP_T,
                         plain_a ? CUBLAS_OP_N : CUBLAS_OP_T, p.cols, p.rows, p.depth, &p.alpha,
                         p.b.data, CUDA_R_32F, plain_b ? p.b.depth_stride : p.b.outer_stride,
                         p.a.data, CUDA_R_32F, plain_a ? p.a.outer_stride : p.a.depth_stride, &beta,
                         p.c, CUDA_R_32F, p.stride, type, CUBLAS_GEMM_DEFAULT));
  if (p.shifted != nullptr) {
    DM_CUDA(kernels::scaled_copy(p.c, nullptr, p.shift, static_cast<std::size_t>(p.stride) + 1,
                                 p.shifted, size, stream));
  }
}

}  // namespace dropmuon::cuda
