// SPDX-License-Identifier: MIT
#include "upload_ring.h"

#include <cstring>

namespace dropmuon::cuda {
namespace {

constexpr std::size_t kSlots = 64;
constexpr std::size_t kSlotBytes = std::size_t{128} << 10;  // the indices of a batch of 32,768

}  // namespace

UploadRing::UploadRing() : slots_(kSlots) {
  void* memory = nullptr;
  DM_CUDA(cudaMallocHost(&memory, kSlots * kSlotBytes));
  memory_ = PinnedMemory(memory);
  for (Slot& slot : slots_) slot.sent = make_event();
}

void UploadRing::upload(void* device, const void* host, std::size_t bytes, cudaStream_t stream) {
  if (bytes > kSlotBytes) {
    // From pageable memory the runtime makes its own staging copy before it returns.
    DM_CUDA(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, stream));
    return;
  }
  Slot& slot = slots_[next_];
  char* staging = static_cast<char*>(memory_.get()) + next_ * kSlotBytes;
  next_ = (next_ + 1) % kSlots;
  if (slot.in_flight) DM_CUDA(cudaEventSynchronize(slot.sent));
  std::memcpy(staging, host, bytes);
  DM_CUDA(cudaMemcpyAsync(device, staging, bytes, cudaMemcpyHostToDevice, stream));
  DM_CUDA(cudaEventRecord(slot.sent, stream));
  slot.in_flight = true;
}

}  // namespace dropmuon::cuda
