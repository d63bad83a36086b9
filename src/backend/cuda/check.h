// SPDX-License-Identifier: MIT
// One check per library: DM_CUDA(call), DM_CUBLAS(call), DM_CUDNN(call) throw an Error(internal)
// with the call's text, its place and the library's own words. Destructors log instead.
#pragma once

#include <source_location>

#include <cublas_v2.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>

namespace dropmuon::cuda {

// Throw if `status` is not success.
using Place = std::source_location;
void check(cudaError_t status, const char* call, Place place = Place::current());
void check(cublasStatus_t status, const char* call, Place place = Place::current());
void check(cudnnStatus_t status, const char* call, Place place = Place::current());

void log_failure(cudaError_t status) noexcept;
void log_failure(cublasStatus_t status) noexcept;
void log_failure(cudnnStatus_t status) noexcept;

}  // namespace dropmuon::cuda

#define DM_CUDA(call) ::dropmuon::cuda::check((call), #call)
#define DM_CUBLAS(call) ::dropmuon::cuda::check((call), #call)
#define DM_CUDNN(call) ::dropmuon::cuda::check((call), #call)
