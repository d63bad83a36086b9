// SPDX-License-Identifier: MIT
#include "cuda_backend.h"
#include <dropmuon/core/error.h>

namespace dropmuon::cuda {

void* CudaBackend::allocate(std::size_t bytes) {
  DM_CHECK(!recorder_.recording(), "an allocation inside a step");
  DeviceMemory memory = allocate_device_memory(bytes);
  void* address = memory.get();
  allocations_.emplace(address, Allocation{std::move(memory), bytes});
  allocated_ += bytes;
  return address;
}

void CudaBackend::release(void* memory) noexcept {
  const auto found = allocations_.find(memory);
  if (found == allocations_.end()) return;
  try {
    recorder_.forget();  // a recording may use this memory
  } catch (const Error&) {
    // The device has failed; the call that waits for it next says so.
  }
  allocated_ -= found->second.bytes;
  allocations_.erase(found);
}

void CudaBackend::upload(void* device, const void* host, std::size_t bytes) {
  DM_CHECK(!recorder_.recording(), "an upload inside a step");
  if (bytes != 0) uploads_.upload(device, host, bytes, stream_);
}

void CudaBackend::download(void* host, const void* device, std::size_t bytes) const {
  DM_CHECK(!recorder_.recording(), "a download inside a step");
  if (bytes == 0) return;
  DM_CUDA(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, stream_));
  DM_CUDA(cudaStreamSynchronize(stream_));
}

void CudaBackend::zero(void* device, std::size_t bytes) {
  if (bytes != 0) DM_CUDA(cudaMemsetAsync(device, 0, bytes, stream_));
}

void CudaBackend::synchronize() { DM_CUDA(cudaStreamSynchronize(stream_)); }

}  // namespace dropmuon::cuda
