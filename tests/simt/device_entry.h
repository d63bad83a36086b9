// SPDX-License-Identifier: MIT
// What compiled kernels call: the harness entry points below the device language.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <source_location>

#include <cuda_runtime_api.h>

namespace simt {

// Every barrier and collective carries its place in the kernel, for the diagnosis.
using Location = std::source_location;

// What a CUDA thread knows about itself.
struct Lane {
  uint3 index{};        // threadIdx
  unsigned linear = 0;  // number in the block
  unsigned lane = 0;
  unsigned warp = 0;
};

struct Grid {
  uint3 block_index{};
  dim3 block_size{1, 1, 1};
  dim3 size{1, 1, 1};
};

extern Lane* current;  // the running CUDA thread; null while host code runs
extern Grid grid;

void block_barrier(Location where);
enum class Count { total, all, any };
int block_barrier_count(int predicate, Count what, Location where);

// A warp collective: each lane of `mask` hands in a payload, and the lane that arrives last runs
// `combine` over all of them. Barriers, shuffles, votes and matrix operations are all made of it.
using Combine = void (*)(void** payloads, unsigned mask);
void collective(unsigned mask, Combine combine, void* payload, Location where);

// Storage of one SHARED array; `block` tells for which block `memory` is valid.
struct SharedSlot {
  std::uint64_t block = 0;
  void* memory = nullptr;
};
extern std::uint64_t block_serial;  // counts every block ever run
void bind_static_shared(SharedSlot& slot, std::size_t bytes, std::size_t alignment);
void* dynamic_shared(Location where);

void fence();  // __threadfence
// Race detector: a memory access of the running thread. Does nothing in other builds.
enum class Access { read, write, atomic };
void touch(const void* address, std::size_t bytes, Access access);

// Ends the running kernel with a message; the launch reports cudaErrorLaunchFailure.
[[noreturn]] void trap(const char* what, Location where);

cudaError_t launch_grid(const void* kernel, dim3 grid_size, dim3 block_size, std::size_t shared,
                        cudaStream_t stream, std::function<void()> body);

template <typename T, typename Key>
T& shared_array() {
  static SharedSlot slot;
  if (slot.block != block_serial) {
    bind_static_shared(slot, sizeof(T), alignof(T) > 16 ? alignof(T) : 16);
  }
  return *static_cast<T*>(slot.memory);
}

}  // namespace simt
