// SPDX-License-Identifier: MIT
// cuBLAS for the harness: gemm and syrk by plain loops, with every rule of the documentation that
// a caller can break checked. Column-major, as in the library.
#include "simt/standin_cublas.h"

#include <algorithm>
#include <cstring>

using namespace simt;

namespace {

struct Matrix {
  const void* memory;
  cudaDataType type;
  cublasOperation_t operation;
  int leading;
};

// A product as the library sees it: op(A) is m x k, op(B) k x n, C m x n.
struct Gemm {
  const char* call;
  int m, n, k;
  Matrix a, b;
  void* c;
  cudaDataType c_type;
  int c_leading;
  Rounding rounding;
  bool lower_only = false;  // syrk: one triangle of C
  bool upper_only = false;
};

bool transposed(cublasOperation_t operation) { return operation != CUBLAS_OP_N; }
bool known(cublasOperation_t operation) {
  return operation == CUBLAS_OP_N || operation == CUBLAS_OP_T || operation == CUBLAS_OP_C;
}

// Elements between the first and the last of a column-major matrix.
std::size_t extent(int rows, int columns, int leading) {
  if (rows <= 0 || columns <= 0) return 0;
  return std::size_t(columns - 1) * std::size_t(leading) + std::size_t(rows);
}

// op(X) as rows x columns, packed column by column.
std::vector<float> pack(const Matrix& x, int rows, int columns, Rounding rounding) {
  const bool flip = transposed(x.operation);
  const std::size_t stored =
      flip ? extent(columns, rows, x.leading) : extent(rows, columns, x.leading);
  const std::vector<float> source = read_operand(x.memory, x.type, stored, rounding);
  std::vector<float> packed(std::size_t(rows) * std::size_t(columns));
  const auto leading = std::size_t(x.leading);
  for (std::size_t j = 0; j < std::size_t(columns); ++j) {
    float* column = packed.data() + j * std::size_t(rows);
    for (std::size_t i = 0; i < std::size_t(rows); ++i) {
      column[i] = source[flip ? i * leading + j : j * leading + i];
    }
  }
  return packed;
}

void multiply(const Gemm& g, float alpha, float beta) {
  const auto m = std::size_t(g.m);
  const auto k = std::size_t(g.k);
  std::vector<float> a;
  std::vector<float> b;
  if (alpha != 0.0f && g.k > 0) {  // otherwise A and B are not read
    a = pack(g.a, g.m, g.k, g.rounding);
    b = pack(g.b, g.k, g.n, g.rounding);
  }
  std::vector<double> sum(m);
  for (std::size_t j = 0; j < std::size_t(g.n); ++j) {
    std::fill(sum.begin(), sum.end(), 0.0);
    for (std::size_t l = 0; l < k && !a.empty(); ++l) {
      const float* column = a.data() + l * m;
      const double factor = b[j * k + l];
      for (std::size_t i = 0; i < m; ++i) sum[i] += factor * column[i];
    }
    const std::size_t first = g.lower_only ? j : 0;
    const std::size_t last = g.upper_only ? j + 1 : m;
    for (std::size_t i = first; i < last; ++i) {
      const std::size_t at = j * std::size_t(g.c_leading) + i;
      double value = double(alpha) * sum[i];
      if (beta != 0.0f) value += double(beta) * read_element(g.c, g.c_type, at);
      write_element(g.c, g.c_type, at, value);
    }
  }
}

bool overlap(const void* x, std::size_t x_bytes, const void* y, std::size_t y_bytes) {
  const auto* first = static_cast<const char*>(x);
  const auto* second = static_cast<const char*>(y);
  return first < second + y_bytes && second < first + x_bytes;
}

cublasStatus_t check_operands(const Gemm& g) {
  const auto bytes = [](const Matrix& x, int rows, int columns) {
    return type_bytes(x.type) * (transposed(x.operation) ? extent(columns, rows, x.leading)
                                                         : extent(rows, columns, x.leading));
  };
  const std::size_t a_bytes = bytes(g.a, g.m, g.k);
  const std::size_t b_bytes = bytes(g.b, g.k, g.n);
  const std::size_t c_bytes = type_bytes(g.c_type) * extent(g.m, g.n, g.c_leading);
  if (!valid_device_range(g.a.memory, a_bytes))
    return refuse_blas(g.call, "A is not device memory of that size");
  if (!valid_device_range(g.b.memory, b_bytes))
    return refuse_blas(g.call, "B is not device memory of that size");
  if (!valid_device_range(g.c, c_bytes))
    return refuse_blas(g.call, "C is not device memory of that size");
  if (overlap(g.a.memory, a_bytes, g.c, c_bytes) || overlap(g.b.memory, b_bytes, g.c, c_bytes)) {
    return refuse_blas(g.call, "C overlaps an operand");
  }
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t submit(cublasHandle_t handle, const Gemm& g, const void* alpha, const void* beta) {
  const Lock lock(runtime_mutex);
  if (!is_live(handle)) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (g.m < 0 || g.n < 0 || g.k < 0) return refuse_blas(g.call, "negative size");
  if (!known(g.a.operation) || !known(g.b.operation))
    return refuse_blas(g.call, "unknown operation");
  const int a_rows = transposed(g.a.operation) ? g.k : g.m;
  const int b_rows = transposed(g.b.operation) ? g.n : g.k;
  if (g.a.leading < std::max(1, a_rows)) return refuse_blas(g.call, "lda is too small");
  if (g.b.leading < std::max(1, b_rows)) return refuse_blas(g.call, "ldb is too small");
  if (g.c_leading < std::max(1, g.m)) return refuse_blas(g.call, "ldc is too small");
  if (!alpha || !beta) return refuse_blas(g.call, "alpha or beta is null");
  if (g.m == 0 || g.n == 0) return CUBLAS_STATUS_SUCCESS;
  const bool on_host = handle->pointer_mode == CUBLAS_POINTER_MODE_HOST;
  if (on_host == is_device(alpha) || on_host == is_device(beta)) {
    return refuse_blas(g.call, "alpha or beta does not fit the pointer mode");
  }
  if (const auto status = check_operands(g)) return status;
  if (is_capturing(handle->stream) && !handle->workspace) {
    return refuse_blas(g.call, "no workspace set before capture", CUBLAS_STATUS_NOT_SUPPORTED);
  }
  const float host_alpha = on_host ? *static_cast<const float*>(alpha) : 0.0f;
  const float host_beta = on_host ? *static_cast<const float*>(beta) : 0.0f;
  count_library_call(g.call);
  const auto error = run_on_stream(
      handle->stream, [=, workspace = handle->workspace, size = handle->workspace_bytes] {
        if (workspace) std::memset(workspace, 0xff, std::min<std::size_t>(size, 4096));
        multiply(g, on_host ? host_alpha : *static_cast<const float*>(alpha),
                 on_host ? host_beta : *static_cast<const float*>(beta));
      });
  return error ? CUBLAS_STATUS_EXECUTION_FAILED : CUBLAS_STATUS_SUCCESS;
}

Rounding math_rounding(cublasHandle_t handle) {
  const bool tf32 = is_live(handle) && handle->math == CUBLAS_TF32_TENSOR_OP_MATH;
  return tf32 ? Rounding::tf32 : Rounding::none;
}

}  // namespace

extern "C" {

cublasStatus_t cublasSgemm_v2(cublasHandle_t handle, cublasOperation_t a_operation,
                              cublasOperation_t b_operation, int m, int n, int k,
                              const float* alpha, const float* a, int lda, const float* b, int ldb,
                              const float* beta, float* c, int ldc) {
  const Gemm g{"cublasSgemm",
               m,
               n,
               k,
               {a, CUDA_R_32F, a_operation, lda},
               {b, CUDA_R_32F, b_operation, ldb},
               c,
               CUDA_R_32F,
               ldc,
               math_rounding(handle)};
  return submit(handle, g, alpha, beta);
}

cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t a_operation,
                            cublasOperation_t b_operation, int m, int n, int k, const void* alpha,
                            const void* a, cudaDataType a_type, int lda, const void* b,
                            cudaDataType b_type, int ldb, const void* beta, void* c,
                            cudaDataType c_type, int ldc, cublasComputeType_t compute,
                            cublasGemmAlgo_t) {
  const char* call = "cublasGemmEx";
  const bool plain = compute == CUBLAS_COMPUTE_32F || compute == CUBLAS_COMPUTE_32F_PEDANTIC;
  const bool all_float = a_type == CUDA_R_32F && c_type == CUDA_R_32F;
  const bool narrow =
      (a_type == CUDA_R_16BF || a_type == CUDA_R_16F) && (c_type == CUDA_R_32F || c_type == a_type);
  if (a_type != b_type || !(all_float || (plain && narrow))) {
    return refuse_blas(call, "types and compute type do not go together",
                       CUBLAS_STATUS_NOT_SUPPORTED);
  }
  Rounding rounding = Rounding::none;
  switch (compute) {
    case CUBLAS_COMPUTE_32F:
      rounding = math_rounding(handle);
      break;
    case CUBLAS_COMPUTE_32F_PEDANTIC:
      break;
    case CUBLAS_COMPUTE_32F_FAST_TF32:
      rounding = Rounding::tf32;
      break;
    case CUBLAS_COMPUTE_32F_FAST_16BF:
      rounding = Rounding::bf16;
      break;
    case CUBLAS_COMPUTE_32F_FAST_16F:
      rounding = Rounding::half;
      break;
    default:
      return refuse_blas(call, "unknown compute type", CUBLAS_STATUS_NOT_SUPPORTED);
  }
  if (narrow) rounding = Rounding::none;
  const Gemm g{
      call, m,      n,   k,       {a, a_type, a_operation, lda}, {b, b_type, b_operation, ldb},
      c,    c_type, ldc, rounding};
  return submit(handle, g, alpha, beta);
}

// C = alpha op(A) op(A)^T + beta C, where op(A) is n x k; the other triangle of C stays as it is.
cublasStatus_t cublasSsyrk_v2(cublasHandle_t handle, cublasFillMode_t fill,
                              cublasOperation_t operation, int n, int k, const float* alpha,
                              const float* a, int lda, const float* beta, float* c, int ldc) {
  if (fill != CUBLAS_FILL_MODE_LOWER && fill != CUBLAS_FILL_MODE_UPPER) {
    return refuse_blas("cublasSsyrk", "unknown fill mode");
  }
  const auto other = transposed(operation) ? CUBLAS_OP_N : CUBLAS_OP_T;
  Gemm g{"cublasSsyrk",
         n,
         n,
         k,
         {a, CUDA_R_32F, operation, lda},
         {a, CUDA_R_32F, other, lda},
         c,
         CUDA_R_32F,
         ldc,
         math_rounding(handle)};
  g.lower_only = fill == CUBLAS_FILL_MODE_LOWER;
  g.upper_only = !g.lower_only;
  return submit(handle, g, alpha, beta);
}

}  // extern "C"
