// SPDX-License-Identifier: MIT
#include "cuda_backend.h"

#include <algorithm>

#include "make_backend.h"

namespace dropmuon::cuda {
namespace {

constexpr std::size_t kBlasWorkspaceBytes = std::size_t{32} << 20;  // cuBLAS' advice for Hopper
constexpr std::size_t kPartialSums = std::size_t{4} << 20;          // floats
constexpr int kCounters = 16384;

// A micro-batch's busiest layer may fill this share of the device: with the activations of the
// other layers, their gradients and the libraries' workspaces about a quarter of it is used then.
constexpr std::size_t kMemoryShare = 16;
constexpr std::size_t kMostBytes = std::size_t{8}
                                   << 30;  // cuDNN's tensors have below 2^31 elements

const char* name_of(Precision precision) {
  switch (precision) {
    case Precision::fp32:
      return "fp32";
    case Precision::tf32:
      return "tf32";
    case Precision::bf16:
      return "bf16";
  }
  return "?";
}

Gpu select_gpu(int index) {
  DM_CUDA(cudaSetDevice(index));
  return query_gpu(index);
}

}  // namespace

CudaBackend::CudaBackend(int index, Precision precision, bool graphs)
    : gpu_(select_gpu(index)),
      precision_(precision),
      stream_(make_stream()),
      blas_(make_blas(stream_)),
      dnn_(make_dnn(stream_)),
      blas_workspace_(allocate_device_memory(kBlasWorkspaceBytes)),
      partial_sums_(allocate_device_memory(kPartialSums * sizeof(float))),
      counters_(allocate_device_memory(kCounters * sizeof(unsigned))),
      recorder_(stream_, graphs),
      convolution_workspace_(recorder_),
      newton_schulz_workspace_(recorder_) {
  DM_CUBLAS(cublasSetWorkspace(blas_, blas_workspace_, kBlasWorkspaceBytes));
  DM_CUDA(cudaMemsetAsync(counters_, 0, kCounters * sizeof(unsigned), stream_));
}

CudaBackend::~CudaBackend() { log_failure(cudaStreamSynchronize(stream_)); }

DeviceInfo CudaBackend::info() const {
  return {.kind = "cuda",
          .name = gpu_.name,
          .precision = name_of(precision_),
          .graphs = recorder_.graphs(),
          .cache_bytes = std::min(gpu_.memory_bytes / kMemoryShare, kMostBytes),
          .memory_bytes = gpu_.memory_bytes,
          .libraries = library_versions()};
}

std::size_t CudaBackend::allocated_bytes() const {
  return allocated_ + convolution_workspace_.size() + newton_schulz_workspace_.size() +
         kBlasWorkspaceBytes + kPartialSums * sizeof(float) + kCounters * sizeof(unsigned);
}

kernels::Scratch CudaBackend::scratch() const {
  return {.floats = static_cast<float*>(partial_sums_.get()),
          .float_count = kPartialSums,
          .counters = static_cast<unsigned*>(counters_.get()),
          .counter_count = kCounters};
}

void CudaBackend::run_step(const StepKey& key, const std::function<void()>& body) {
  recorder_.run(key, body);
}

std::unique_ptr<Backend> make_backend(int index, const DeviceRequest& request) {
  return std::make_unique<CudaBackend>(index, request.precision, request.graphs);
}

}  // namespace dropmuon::cuda
