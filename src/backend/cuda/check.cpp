// SPDX-License-Identifier: MIT
#include "check.h"

#include <string_view>

#include <dropmuon/core/error.h>
#include <dropmuon/core/log.h>

namespace dropmuon::cuda {
namespace {

std::string_view file_name(const Place& place) {
  const std::string_view path = place.file_name();
  return path.substr(path.find_last_of('/') + 1);
}

[[noreturn]] void fail_call(std::string_view library, std::string_view name, std::string_view text,
                            const char* call, const Place& place) {
  fail(ExitCode::internal, "{}: {} ({}) from {} at {}:{}", library, text, name, call,
       file_name(place), place.line());
}

}  // namespace

void check(cudaError_t status, const char* call, Place place) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // it is being reported: the next call must not find it again
  fail_call("CUDA", cudaGetErrorName(status), cudaGetErrorString(status), call, place);
}

void check(cublasStatus_t status, const char* call, Place place) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  fail_call("cuBLAS", cublasGetStatusName(status), cublasGetStatusString(status), call, place);
}

void check(cudnnStatus_t status, const char* call, Place place) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  char detail[256] = "";
  cudnnGetLastErrorString(detail, sizeof detail);
  fail_call("cuDNN", cudnnGetErrorString(status), detail, call, place);
}

static void log_failure(std::string_view library, const char* text) noexcept {
  try {
    log::warning("{}: {} while something was released", library, text);
  } catch (...) {
    return;  // a message is all that is lost
  }
}

void log_failure(cudaError_t status) noexcept {
  // At the end of a process the runtime may be gone before the last handle.
  if (status == cudaSuccess || status == cudaErrorCudartUnloading) return;
  log_failure("CUDA", cudaGetErrorString(status));
}

void log_failure(cublasStatus_t status) noexcept {
  if (status != CUBLAS_STATUS_SUCCESS) log_failure("cuBLAS", cublasGetStatusString(status));
}

void log_failure(cudnnStatus_t status) noexcept {
  if (status != CUDNN_STATUS_SUCCESS) log_failure("cuDNN", cudnnGetErrorString(status));
}

}  // namespace dropmuon::cuda
