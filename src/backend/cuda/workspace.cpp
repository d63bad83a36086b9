// SPDX-License-Identifier: MIT
#include "workspace.h"

#include "step_recorder.h"
#include <dropmuon/core/error.h>
#include <dropmuon/core/text.h>

namespace dropmuon::cuda {

DeviceMemory allocate_device_memory(std::size_t bytes) {
  void* memory = nullptr;
  const cudaError_t status = cudaMalloc(&memory, bytes == 0 ? 1 : bytes);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();  // not an error of the next call
    std::size_t free = 0;
    std::size_t total = 0;
    DM_CUDA(cudaMemGetInfo(&free, &total));
    fail(ExitCode::internal,
         "out of GPU memory: {} asked for, {} of {} free; a smaller train.micro_batch or "
         "data.train_limit may help",
         human_bytes(static_cast<double>(bytes)), human_bytes(static_cast<double>(free)),
         human_bytes(static_cast<double>(total)));
  }
  check(status, "cudaMalloc");
  return DeviceMemory(memory);
}

void Workspace::reserve(std::size_t bytes) {
  if (bytes <= size_) return;
  recorder_.forget();
  memory_ = DeviceMemory();
  size_ = 0;
  memory_ = allocate_device_memory(bytes);
  size_ = bytes;
}

}  // namespace dropmuon::cuda
