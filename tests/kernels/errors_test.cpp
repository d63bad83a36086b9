// SPDX-License-Identifier: MIT
// What a failing call is reported as. None of these calls reaches the driver, so that NVIDIA's
// memcheck has nothing to object to.
#include <string>

#include "backend/cuda/check.h"
#include "device_array.h"
#include "kernels/convert.h"
#include <dropmuon/core/error.h>

using namespace dropmuon;

namespace {

// The error of a call, with what every message must have: this file, the line, all in one line.
template <typename Call>
std::string message_of(const Call& call, int line) {
  try {
    call();
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::internal);
    const std::string text = error.what();
    CHECK_THAT(text, Catch::Contains("errors_test.cpp:" + std::to_string(line)));
    CHECK_THAT(text, !Catch::Contains("\n"));
    return text;
  }
  FAIL("nothing was thrown");
  return {};
}

}  // namespace

TEST_CASE("a failing CUDA call is reported with its text, its place and CUDA's words") {
  float* const none = nullptr;
  const int line = __LINE__ + 1;
  const auto call = [&] { DM_CUDA(kernels::to_bf16(0, none, nullptr, nullptr)); };
  const std::string text = message_of(call, line);
  CHECK_THAT(text, Catch::Contains("kernels::to_bf16(0, none, nullptr, nullptr)"));
  CHECK_THAT(text, Catch::Contains("cudaErrorInvalidValue"));
  CHECK_THAT(text, Catch::Contains(cudaGetErrorString(cudaErrorInvalidValue)));
}

TEST_CASE("a failing cuBLAS call is reported with its text, its place and cuBLAS' words") {
  const int line = __LINE__ + 1;
  const auto call = [] { DM_CUBLAS(cublasSetStream_v2(nullptr, cudaStream_t{})); };
  const std::string text = message_of(call, line);
  CHECK_THAT(text, Catch::Contains("cublasSetStream_v2(nullptr, cudaStream_t{})"));
  CHECK_THAT(text, Catch::Contains("CUBLAS_STATUS_NOT_INITIALIZED"));
  CHECK_THAT(text, Catch::Contains(cublasGetStatusString(CUBLAS_STATUS_NOT_INITIALIZED)));
}

TEST_CASE("a failing cuDNN call is reported with its text, its place and cuDNN's words") {
  cudnnTensorDescriptor_t x = nullptr;
  REQUIRE(cudnnCreateTensorDescriptor(&x) == CUDNN_STATUS_SUCCESS);
  const auto set = [&] {
    return cudnnSetTensor4dDescriptor(x, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, -1, 4, 4, 3);
  };
  const cudnnStatus_t status = set();
  REQUIRE(status != CUDNN_STATUS_SUCCESS);
  char detail[256] = "";
  cudnnGetLastErrorString(detail, sizeof detail);
  const int line = __LINE__ + 1;
  const auto call = [&] { DM_CUDNN(set()); };
  const std::string text = message_of(call, line);
  CHECK_THAT(text, Catch::Contains(" set() "));
  CHECK_THAT(text, Catch::Contains(cudnnGetErrorString(status)));
  CHECK_THAT(text, Catch::Contains(detail));
  CHECK(cudnnDestroyTensorDescriptor(x) == CUDNN_STATUS_SUCCESS);
}
