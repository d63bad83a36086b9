// SPDX-License-Identifier: MIT
#include <cstdlib>
#include <cstring>

#include "cpu_backend.h"
#include <dropmuon/core/error.h>
#include <dropmuon/core/text.h>

namespace dropmuon::cpu {

void* CpuBackend::allocate(std::size_t bytes) {
  constexpr std::size_t kAlignment = 64;  // a cache line, and one AVX-512 register
  const std::size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  void* memory = std::aligned_alloc(kAlignment, rounded == 0 ? kAlignment : rounded);
  if (memory == nullptr) {
    fail(ExitCode::internal, "out of memory: {} asked for, {} already in use; a smaller {} helps",
         human_bytes(static_cast<double>(bytes)), human_bytes(static_cast<double>(allocated_)),
         "train.micro_batch");
  }
  sizes_.emplace(memory, bytes);
  allocated_ += bytes;
  return memory;
}

void CpuBackend::release(void* memory) noexcept {
  const auto found = sizes_.find(memory);
  if (found != sizes_.end()) {
    allocated_ -= found->second;
    sizes_.erase(found);
  }
  std::free(memory);
}

void CpuBackend::upload(void* device, const void* host, std::size_t bytes) {
  if (bytes != 0) std::memcpy(device, host, bytes);
}

void CpuBackend::download(void* host, const void* device, std::size_t bytes) const {
  if (bytes != 0) std::memcpy(host, device, bytes);
}

void CpuBackend::zero(void* device, std::size_t bytes) {
  if (bytes != 0) std::memset(device, 0, bytes);
}

}  // namespace dropmuon::cpu
