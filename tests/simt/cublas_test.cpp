// SPDX-License-Identifier: MIT
// The cuBLAS stand-in: right products, and mistakes of the caller refused.
#include <cublas_v2.h>

#include "selftest.h"

using namespace selftest;

namespace {

constexpr auto kN = CUBLAS_OP_N;
constexpr auto kT = CUBLAS_OP_T;
constexpr auto kInvalid = CUBLAS_STATUS_INVALID_VALUE;

struct Blas : Harness {
  Blas() {
    REQUIRE(cublasCreate(&handle) == CUBLAS_STATUS_SUCCESS);
    REQUIRE(cublasSetStream(handle, stream) == CUBLAS_STATUS_SUCCESS);
  }
  ~Blas() { cublasDestroy(handle); }
  cublasHandle_t handle = nullptr;
};

float at(const std::vector<float>& x, bool flip, int rows, int columns, int i, int j) {
  return x[std::size_t(flip ? i * columns + j : j * rows + i)];
}

}  // namespace

TEST_CASE("sgemm in all four transpositions, padded, with alpha and beta") {
  const Blas blas;
  const int m = 5, n = 7, k = 6, ldc = 8;
  const auto a = random_values(30, 1);
  const auto b = random_values(42, 2);
  const auto c = random_values(std::size_t(ldc * n), 3);
  const Device<float> da(a);
  const Device<float> db(b);
  const float alpha = 2.0f;
  for (const float beta : {0.0f, 0.5f}) {
    for (const bool flip_a : {false, true}) {
      for (const bool flip_b : {false, true}) {
        // With beta 0 the old C may be NaN.
        const Device<float> dc(beta == 0.0f ? std::vector<float>(c.size(), NAN) : c);
        REQUIRE(cublasSgemm(blas.handle, flip_a ? kT : kN, flip_b ? kT : kN, m, n, k, &alpha, da,
                            flip_a ? k : m, db, flip_b ? n : k, &beta, dc,
                            ldc) == CUBLAS_STATUS_SUCCESS);
        REQUIRE(blas.finish() == cudaSuccess);
        const auto found = dc.host();
        for (int j = 0; j < n; ++j) {
          for (int i = 0; i < m; ++i) {
            double sum = 0.0;
            for (int l = 0; l < k; ++l) {
              sum += double(at(a, flip_a, m, k, i, l)) * double(at(b, flip_b, k, n, l, j));
            }
            const auto here = std::size_t(j * ldc + i);
            CHECK(found[here] == Approx(alpha * sum + double(beta * c[here])).margin(1e-5));
          }
        }
      }
    }
  }
}

TEST_CASE("gemmEx rounds as its compute type says") {
  const Blas blas;
  const float one = 1.0f, zero = 0.0f;
  const float value = 1.0f + 0x1p-9f + 0x1p-12f + 0x1p-20f;
  const Device<float> a(std::vector<float>{value});
  const Device<float> b(std::vector<float>{1.0f});
  const Device<float> c(1);
  const auto product = [&](cublasComputeType_t compute) {
    REQUIRE(cublasGemmEx(blas.handle, kN, kN, 1, 1, 1, &one, a.get(), CUDA_R_32F, 1, b.get(),
                         CUDA_R_32F, 1, &zero, c.get(), CUDA_R_32F, 1, compute,
                         CUBLAS_GEMM_DEFAULT) == CUBLAS_STATUS_SUCCESS);
    REQUIRE(blas.finish() == cudaSuccess);
    return c.host()[0];
  };
  CHECK(product(CUBLAS_COMPUTE_32F) == value);
  CHECK(product(CUBLAS_COMPUTE_32F_FAST_TF32) == 1.0f + 0x1p-9f);
  CHECK(product(CUBLAS_COMPUTE_32F_FAST_16F) == 1.0f + 0x1p-9f);
  CHECK(product(CUBLAS_COMPUTE_32F_FAST_16BF) == 1.0f);
  REQUIRE(cublasSetMathMode(blas.handle, CUBLAS_TF32_TENSOR_OP_MATH) == CUBLAS_STATUS_SUCCESS);
  CHECK(product(CUBLAS_COMPUTE_32F) == 1.0f + 0x1p-9f);
  CHECK(product(CUBLAS_COMPUTE_32F_PEDANTIC) == value);
}

TEST_CASE("gemmEx with bf16 and half operands, float and narrow results") {
  const Blas blas;
  const float one = 1.0f, zero = 0.0f;
  const Device<__nv_bfloat16> a(std::vector<__nv_bfloat16>{__float2bfloat16(3.0f)});
  const Device<__nv_bfloat16> narrow(1);
  const Device<float> wide(1);
  const Device<__half> h(std::vector<__half>{__float2half(0.5f)});
  const auto call = [&](const void* x, cudaDataType type, void* c, cudaDataType c_type,
                        cublasComputeType_t compute = CUBLAS_COMPUTE_32F) {
    return cublasGemmEx(blas.handle, kN, kN, 1, 1, 1, &one, x, type, 1, x, type, 1, &zero, c,
                        c_type, 1, compute, CUBLAS_GEMM_DEFAULT);
  };
  REQUIRE(call(a, CUDA_R_16BF, wide, CUDA_R_32F) == CUBLAS_STATUS_SUCCESS);
  CHECK(wide.host()[0] == 9.0f);
  REQUIRE(call(a, CUDA_R_16BF, narrow, CUDA_R_16BF) == CUBLAS_STATUS_SUCCESS);
  CHECK(float(narrow.host()[0]) == 9.0f);
  REQUIRE(call(h, CUDA_R_16F, wide, CUDA_R_32F) == CUBLAS_STATUS_SUCCESS);
  CHECK(wide.host()[0] == 0.25f);
  const auto refused = CUBLAS_STATUS_NOT_SUPPORTED;
  CHECK(call(a, CUDA_R_16BF, h, CUDA_R_16F) == refused);
  CHECK(call(a, CUDA_R_16BF, wide, CUDA_R_32F, CUBLAS_COMPUTE_32F_FAST_TF32) == refused);
  CHECK(call(h, CUDA_R_16F, wide, CUDA_R_32F, CUBLAS_COMPUTE_16F) == refused);
}

TEST_CASE("ssyrk writes one triangle only") {
  const Blas blas;
  const int n = 4, k = 3;
  const auto a = random_values(12, 1);
  const Device<float> da(a);
  const float one = 1.0f, zero = 0.0f;
  for (const auto fill : {CUBLAS_FILL_MODE_LOWER, CUBLAS_FILL_MODE_UPPER}) {
    for (const bool flip : {false, true}) {
      const Device<float> c(std::vector<float>(16, -7.0f));
      REQUIRE(cublasSsyrk(blas.handle, fill, flip ? kT : kN, n, k, &one, da, flip ? k : n, &zero, c,
                          n) == CUBLAS_STATUS_SUCCESS);
      REQUIRE(blas.finish() == cudaSuccess);
      const auto found = c.host();
      for (int j = 0; j < n; ++j) {
        for (int i = 0; i < n; ++i) {
          double sum = 0.0;
          for (int l = 0; l < k; ++l) {
            sum += double(at(a, flip, n, k, i, l)) * double(at(a, flip, n, k, j, l));
          }
          const bool written = fill == CUBLAS_FILL_MODE_LOWER ? i >= j : i <= j;
          CHECK(found[std::size_t(j * n + i)] == Approx(written ? sum : -7.0).margin(1e-5));
        }
      }
    }
  }
}

TEST_CASE("the caller's mistakes with cuBLAS are refused") {
  const Blas blas;
  const float one = 1.0f, zero = 0.0f;
  const Device<float> a(12);
  const Device<float> b(12);
  const Device<float> c(16);
  std::vector<float> host(16);
  const auto gemm = [&](int m, int n, int k, const float* alpha, const float* x, int lda,
                        const float* y, int ldb, float* z, int ldc) {
    return cublasSgemm(blas.handle, kN, kN, m, n, k, alpha, x, lda, y, ldb, &zero, z, ldc);
  };
  CHECK(gemm(4, 4, 3, &one, a, 4, b, 3, c, 4) == CUBLAS_STATUS_SUCCESS);
  CHECK(gemm(0, 4, 3, &one, a, 4, b, 3, c, 4) == CUBLAS_STATUS_SUCCESS);
  CHECK(gemm(-1, 4, 3, &one, a, 4, b, 3, c, 4) == kInvalid);
  CHECK(gemm(4, 4, 3, &one, a, 3, b, 3, c, 4) == kInvalid);
  CHECK(gemm(4, 4, 3, &one, a, 4, b, 2, c, 4) == kInvalid);
  CHECK(gemm(4, 4, 3, &one, a, 4, b, 3, c, 3) == kInvalid);
  CHECK(gemm(4, 4, 3, nullptr, a, 4, b, 3, c, 4) == kInvalid);
  CHECK(gemm(4, 4, 3, a, a, 4, b, 3, c, 4) == kInvalid);  // alpha on the device
  CHECK(gemm(4, 4, 3, &one, nullptr, 4, b, 3, c, 4) == kInvalid);
  CHECK(gemm(4, 4, 3, &one, host.data(), 4, b, 3, c, 4) == kInvalid);
  CHECK(gemm(4, 4, 3, &one, a, 5, b, 3, c, 4) == kInvalid);  // A is too small for it
  CHECK(gemm(4, 3, 3, &one, a, 4, b, 3, a, 4) == kInvalid);  // C is A
  cublasHandle_t dead = nullptr;
  REQUIRE(cublasCreate(&dead) == CUBLAS_STATUS_SUCCESS);
  REQUIRE(cublasDestroy(dead) == CUBLAS_STATUS_SUCCESS);
  CHECK(cublasSetStream(dead, blas.stream) == CUBLAS_STATUS_NOT_INITIALIZED);
  CHECK(std::string(cublasGetStatusString(kInvalid)) == "CUBLAS_STATUS_INVALID_VALUE");
}

TEST_CASE("a capture needs a workspace that was set after the stream") {
  const Blas blas;
  const float one = 1.0f, zero = 0.0f;
  const Device<float> x(std::vector<float>{3.0f});
  const Device<float> c(1);
  const Device<char> workspace(4096);
  const auto gemm = [&] {
    return cublasSgemm(blas.handle, kN, kN, 1, 1, 1, &one, x, 1, x, 1, &zero, c, 1);
  };
  CHECK(cublasSetWorkspace(blas.handle, workspace.get() + 4, 64) == kInvalid);
  CHECK(cublasSetWorkspace(blas.handle, workspace, 5000) == kInvalid);
  REQUIRE(cublasSetWorkspace(blas.handle, workspace, 4096) == CUBLAS_STATUS_SUCCESS);
  REQUIRE(cublasSetStream(blas.handle, blas.stream) == CUBLAS_STATUS_SUCCESS);  // resets it
  cudaGraph_t graph = nullptr;
  REQUIRE(cudaStreamBeginCapture(blas.stream, cudaStreamCaptureModeThreadLocal) == cudaSuccess);
  CHECK(gemm() == CUBLAS_STATUS_NOT_SUPPORTED);
  REQUIRE(cublasSetWorkspace(blas.handle, workspace, 4096) == CUBLAS_STATUS_SUCCESS);
  CHECK(gemm() == CUBLAS_STATUS_SUCCESS);
  REQUIRE(cudaStreamEndCapture(blas.stream, &graph) == cudaSuccess);
  cudaGraphExec_t executable = nullptr;
  REQUIRE(cudaGraphInstantiate(&executable, graph, 0) == cudaSuccess);
  REQUIRE(cudaGraphLaunch(executable, blas.stream) == cudaSuccess);
  REQUIRE(blas.finish() == cudaSuccess);
  CHECK(c.host()[0] == 9.0f);
  CHECK(workspace.host()[0] == char(0xff));  // the library wrote there
  cudaGraphDestroy(graph);
  cudaGraphExecDestroy(executable);
}

TEST_CASE("calls of cuBLAS are counted") {
  const Blas blas;
  const float one = 1.0f, zero = 0.0f;
  const Device<float> x(std::vector<float>{3.0f});
  const Device<float> c(1);
  simt::clear_counts();
  for (int i = 0; i < 3; ++i) {
    REQUIRE(cublasSgemm(blas.handle, kN, kN, 1, 1, 1, &one, x, 1, x, 1, &zero, c, 1) ==
            CUBLAS_STATUS_SUCCESS);
  }
  CHECK(simt::library_calls("cublasSgemm") == 3);
  CHECK(simt::library_calls("cublasGemmEx") == 0);
}
