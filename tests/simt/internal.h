// SPDX-License-Identifier: MIT
// What the harness sources share with each other; tests use simt.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "simt/device_entry.h"
#include "simt/simt.h"

namespace simt {

// ----------------------------------------------------------------- scheduler.cpp
enum class ThreadState : std::uint8_t { fresh, ready, at_barrier, at_collective, done };

struct Thread {
  Lane self;  // first: `current` points here
  ThreadState state = ThreadState::fresh;
  int fibre = -1;
  Location where;
  unsigned mask = 0;  // of the warp collective it waits in
  Combine combine = nullptr;
  void* payload = nullptr;
};

extern std::vector<Thread> threads;  // of the running block
extern unsigned barrier_epoch;       // counts barriers, over all blocks
extern unsigned launch_serial;
unsigned block_number();
std::string describe(unsigned block, unsigned thread);

// Notes the failure (the first one is the report) and stops the running kernel.
void fail(const std::string& what);
// A message that is no failure of the harness: the call itself reports an error.
void note(const std::string& what);
std::mt19937& random_source();

// Shared memory of the running block: dynamic first, then the static arrays between red zones.
inline constexpr std::size_t kSharedArena = 256 << 10;
extern char* const shared_arena;

// ----------------------------------------------------------------- race_detector.cpp
extern bool race_detection;
void race_begin_block(std::size_t thread_count);
void race_collective(unsigned mask, unsigned warp);
void race_barrier();

// ----------------------------------------------------------------- device_memory.cpp
inline constexpr std::size_t kDeviceArena = std::size_t(2) << 30;
extern char* const device_arena;
inline bool is_device(const void* p) {
  return std::size_t(static_cast<const char*>(p) - device_arena) < kDeviceArena;
}

// ----------------------------------------------------------------- streams.cpp, graphs.cpp
// One lock for the whole run time: host threads take turns.
using Lock = std::lock_guard<std::recursive_mutex>;
extern std::recursive_mutex runtime_mutex;

using Work = std::function<cudaError_t()>;
// Runs the work now, or puts it on the stream's queue, or into the graph being captured.
cudaError_t enqueue(cudaStream_t stream, Work work, cudaGraphNodeType type);
void drain_all();
void drain_stream(cudaStream_t stream);
bool is_capturing(cudaStream_t stream);
// Refuses `what` while a capture is open, and spoils that capture, as CUDA does.
cudaError_t forbid_in_capture(const char* what);
void reset_streams();
void reset_captures();

// ----------------------------------------------------------------- runtime.cpp
// Remembers an error for cudaGetLastError and returns it.
cudaError_t keep_error(cudaError_t error);
extern cudaError_t sticky_error;  // of a failed kernel: every later call returns it
std::size_t dynamic_shared_limit(const void* kernel);
inline constexpr std::size_t kStaticSharedLimit = 48 << 10;
inline constexpr std::size_t kSharedPerBlock = 227 << 10;

// ----------------------------------------------------------------- kernel_names.cpp
std::string kernel_name(const void* kernel);
void count_launch(const void* kernel);
void count_library_call(const char* name);

}  // namespace simt
