// SPDX-License-Identifier: MIT
// The host SIMT harness as tests see it. It stands in for the CUDA run time, cuBLAS and cuDNN:
// link its sources instead of those libraries. Environment, read at start:
//   SIMT_SCHED=fwd|rev|<seed>  order of threads, blocks and independent graph nodes
//   SIMT_LAZY=1                stream work is delayed until something waits for it
//   SIMT_GUARD=1               device memory cannot be touched while host code runs
//   SIMT_NO_DEVICE=1           like a machine without a driver
//   SIMT_FAULT=busy|old|image  the board is taken, has compute capability 7.5, lacks kernels
//   SIMT_MALLOC_LIMIT=<bytes>  device memory that cudaMalloc may hand out
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace simt {

struct Stats {
  std::uint64_t launches = 0;     // kernels executed; a graph counts at each replay
  std::uint64_t threads = 0;      // CUDA threads run
  std::uint64_t switches = 0;     // fibre switches
  std::uint64_t barriers = 0;     // block barriers completed
  std::uint64_t collectives = 0;  // arrivals at warp collectives
  std::size_t max_shared = 0;     // largest dynamic + static shared memory of a block
  std::uint64_t nondeterministic_algorithms = 0;  // cuDNN algorithms that may vary from run to run
};
extern Stats stats;

// The text of the first failure since the last reset(); empty if there was none.
const std::string& report();
// Forgets the sticky error, the report, work still queued and captures still open.
void reset();

// Counts since the last clear_counts(). A kernel counts for every name that its own contains, such
// as "reduce_rows"; a library call for its exact name, such as "cublasGemmEx".
std::uint64_t kernel_launches(std::string_view name_part);
std::uint64_t library_calls(std::string_view name);
void clear_counts();

std::size_t live_allocations();
std::size_t live_bytes();

// 0 forward, -1 reverse, > 0 the seed of a random order.
void set_order(int order);
int order();
void set_lazy(bool lazy);
bool lazy();
void set_guard(bool guard);
bool guarded();
// 0: no limit.
void set_malloc_limit(std::size_t bytes);

// Needs kernel files built with -fsanitize=thread; race_hooks.cpp calls it at start.
void enable_race_detector();
bool race_build();

// Opens device memory to host code while it lives; without SIMT_GUARD it does nothing.
struct DeviceAccess {
  DeviceAccess();
  ~DeviceAccess();
  DeviceAccess(const DeviceAccess&) = delete;
  DeviceAccess& operator=(const DeviceAccess&) = delete;
};

}  // namespace simt
