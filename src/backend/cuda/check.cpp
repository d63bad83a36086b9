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

void log_failure(cudaError_t status, const char* call) noexcept {
  if (status == cudaSuccess) return;
  try {
    log::warning("CUDA: {} from {}", cudaGetErrorString(status), call);
  } catch (...) {
    return;  // a message is all that is lost
  }
}

}  // namespace dropmuon::cuda
