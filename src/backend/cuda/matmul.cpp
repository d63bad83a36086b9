// SPDX-License-Identifier: MIT
#include "cuda_backend.h"

namespace dropmuon::cuda {
namespace {

// fp32 tensors in every case; the faster types round the operands inside the product.
cublasComputeType_t compute_type(Precision precision) {
  switch (precision) {
    case Precision::tf32:
      return CUBLAS_COMPUTE_32F_FAST_TF32;
    case Precision::bf16:
      return CUBLAS_COMPUTE_32F_FAST_16BF;
    case Precision::fp32:
      break;
  }
  return CUBLAS_COMPUTE_32F;
}

cublasOperation_t operation(Transpose transpose) {
  return transpose == Transpose::yes ? CUBLAS_OP_T : CUBLAS_OP_N;
}

}  // namespace

// cuBLAS counts columns first, so it sees each of our matrices as its transpose: c^T = b^T a^T.
void CudaBackend::matmul(const Matmul& args) {
  const float one = 1.0F;
  const float beta = args.mode == GradMode::accumulate ? 1.0F : 0.0F;
  const int lda = args.transpose_a == Transpose::yes ? args.m : args.k;
  const int ldb = args.transpose_b == Transpose::yes ? args.k : args.n;
  DM_CUBLAS(cublasGemmEx(blas_, operation(args.transpose_b), operation(args.transpose_a), args.n,
                         args.m, args.k, &one, args.b, CUDA_R_32F, ldb, args.a, CUDA_R_32F, lda,
                         &beta, args.c, CUDA_R_32F, args.n, compute_type(precision_),
                         CUBLAS_GEMM_DEFAULT));
}

}  // namespace dropmuon::cuda
