// SPDX-License-Identifier: MIT
// One check per library: DM_CUDA(call), DM_CUBLAS(call), DM_CUDNN(call) throw an Error with the
// call's text, its place and the library's own words. The _NOTHROW forms, for destructors, log.
#pragma once

#include <source_location>

#include <cublas_v2.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>

namespace dropmuon::cuda {

// Throw if `status` is not success: Error(internal), and for exhausted memory a message that says
// what helps.
using Place = std::source_location;
void check(cudaError_t status, const char* call, Place place = Place::current());
void check(cublasStatus_t status, const char* call, Place place = Place::current());
void check(cudnnStatus_t status, const char* call, Place place = Place::current());

void log_failure(cudaError_t status, const char* call) noexcept;

}  // namespace dropmuon::cuda

#define DM_CUDA(call) ::dropmuon::cuda::check((call), #call)
#define DM_CUBLAS(call) ::dropmuon::cuda::check((call), #call)
#define DM_CUDNN(call) ::dropmuon::cuda::check((call), #call)
#define DM_CUDA_NOTHROW(call) ::dropmuon::cuda::log_failure((call), #call)
