// SPDX-License-Identifier: MIT
#include <cstdlib>
#include <cstring>

#include <sys/mman.h>

#include "cpu_backend.h"
#include <dropmuon/core/error.h>
#include <dropmuon/core/text.h>

namespace dropmuon::cpu {

void* CpuBackend::allocate(std::size_t bytes) {
  constexpr std::size_t kLine = 64;  // a cache line, and one AVX-512 register
  constexpr std::size_t kHugePage = std::size_t{2} << 20;
  const std::size_t alignment = bytes >= kHugePage ? kHugePage : kLine;
  const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded);
  // Tensors are streamed through; with 4 KiB pages that costs address translations.
  if (memory != nullptr && bytes >= kHugePage) madvise(memory, rounded, MADV_HUGEPAGE);
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
