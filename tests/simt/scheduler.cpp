// SPDX-License-Identifier: MIT
// Runs a grid block after block, and a block as fibres: one per thread that has to wait.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <numeric>
#include <vector>

#include <sys/mman.h>

#include "simt/block.h"
#include "simt/fibre.h"

namespace simt {

Lane* current = nullptr;
Grid grid;
Stats stats;
std::vector<Thread> threads;
std::uint64_t block_serial = 0;
unsigned barrier_epoch = 1;
unsigned launch_serial = 0;
char* const shared_arena = static_cast<char*>(
    mmap(nullptr, kSharedArena, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

namespace {

std::deque<Fibre> fibres;
std::vector<int> free_fibres;
const std::function<void()>* kernel_body;
const void* running_kernel = nullptr;
bool kernel_failed = false;
std::string first_report;
std::mt19937 random_engine(1);

int read_order() {
  const char* text = std::getenv("SIMT_SCHED");
  if (!text || !std::strcmp(text, "fwd")) return 0;
  return std::strcmp(text, "rev") ? std::atoi(text) : -1;
}
int schedule_order = read_order();

void count_switch(Fibre& from, Fibre& to) {
  ++stats.switches;
  switch_fibre(from, to);
}

}  // namespace

Block block;

void to_scheduler() { count_switch(fibres[std::size_t(self().fibre)], host_fibre); }
std::string place(const Location& where) {
  return std::string(where.file_name()) + ":" + std::to_string(where.line());
}
std::string describe(const Thread& thread) { return describe(block_number(), thread.self.linear); }

const std::string& report() { return first_report; }
void set_order(int order) {
  schedule_order = order;
  random_engine.seed(unsigned(order));
}
int order() { return schedule_order; }
std::mt19937& random_source() { return random_engine; }

unsigned block_number() {
  const uint3& at = grid.block_index;
  return at.x + grid.size.x * (at.y + grid.size.y * at.z);
}
std::string describe(unsigned block_index, unsigned thread) {
  return "block " + std::to_string(block_index) + " thread " + std::to_string(thread);
}

void fail(const std::string& what) {
  kernel_failed = true;
  if (!first_report.empty()) return;
  first_report = what;
  if (running_kernel) first_report += " [kernel " + kernel_name(running_kernel) + "]";
  std::fprintf(stderr, "simt: %s\n", first_report.c_str());
}

void note(const std::string& what) { std::fprintf(stderr, "simt: %s\n", what.c_str()); }

void reset() {
  const Lock lock(runtime_mutex);
  first_report.clear();
  reset_captures();
  reset_streams();
}

void trap(const char* what, Location where) {
  fail((current ? describe(self()) + ": " : std::string()) + what + " at " + place(where));
  if (!current) std::abort();
  for (;;) to_scheduler();
}

// ----------------------------------------------------------------- one block
namespace {

// The body of every fibre: runs fresh threads until one has to wait. A thread that never waits
// costs a function call.
void run_threads() {
  for (;;) {
    (*kernel_body)();
    Thread& thread = self();
    thread.state = ThreadState::done;
    ++stats.threads;
    const int fibre = thread.fibre;
    if (++block.finished + block.waiting == int(threads.size()) && block.waiting) {
      fail(describe(thread) + " exited while other threads wait in __syncthreads at " +
           place(block.barrier_place));
      release_barrier();
    }
    const bool any_ready = block.next_ready < block.ready.size();
    if (!any_ready && block.next_fresh < block.start_order.size() && !kernel_failed) {
      Thread& next = threads[std::size_t(block.start_order[block.next_fresh++])];
      next.fibre = fibre;
      current = &next.self;
      continue;
    }
    free_fibres.push_back(fibre);
    count_switch(fibres[std::size_t(fibre)], host_fibre);
  }
}

void prepare_block(std::size_t dynamic_bytes) {
  const dim3& size = grid.block_size;
  const std::size_t count = std::size_t(size.x) * size.y * size.z;
  if (threads.size() != count) {
    threads.assign(count, {});
    block.start_order.resize(count);
    std::iota(block.start_order.begin(), block.start_order.end(), 0);
    if (schedule_order < 0) std::reverse(block.start_order.begin(), block.start_order.end());
  }
  if (schedule_order > 0) {
    std::shuffle(block.start_order.begin(), block.start_order.end(), random_engine);
  }
  unsigned i = 0;
  for (unsigned z = 0; z < size.z; ++z) {
    for (unsigned y = 0; y < size.y; ++y) {
      for (unsigned x = 0; x < size.x; ++x, ++i) {
        threads[i].self = {{x, y, z}, i, i % 32, i / 32};
        threads[i].state = ThreadState::fresh;
        threads[i].fibre = -1;
      }
    }
  }
  block.ready.clear();
  block.next_ready = block.next_fresh = 0;
  block.waiting = block.finished = block.predicates = 0;
  block.barrier_open = false;
  block.shared_used = block.dynamic_bytes = dynamic_bytes;
  block.static_bytes = 0;
  stats.max_shared = std::max(stats.max_shared, dynamic_bytes);
  ++block_serial;
  poison(shared_arena, kSharedArena);
  unpoison(shared_arena, dynamic_bytes);
  std::memset(shared_arena, 0xff, dynamic_bytes);
  if (race_detection) race_begin_block(count);
}

// The next thread to run, or -1.
int pick_thread() {
  if (block.next_ready < block.ready.size()) {
    if (schedule_order > 0) {
      const std::size_t choices = block.ready.size() - block.next_ready;
      std::swap(block.ready[block.next_ready],
                block.ready[block.next_ready + random_engine() % choices]);
    }
    const int chosen = block.ready[block.next_ready++];
    if (block.next_ready == block.ready.size()) {
      block.next_ready = 0;
      block.ready.clear();
    }
    return chosen;
  }
  if (block.next_fresh < block.start_order.size()) return block.start_order[block.next_fresh++];
  return -1;
}

void report_deadlock() {
  std::string text = "deadlock:";
  bool barrier_seen = false;
  bool collective_seen = false;
  for (const Thread& thread : threads) {  // one witness of each kind
    if (thread.state == ThreadState::at_barrier && !barrier_seen) {
      barrier_seen = true;
      text += " " + describe(thread) + " in __syncthreads at " + place(thread.where) + ";";
    } else if (thread.state == ThreadState::at_collective && !collective_seen) {
      collective_seen = true;
      text += " " + describe(thread) + " in a warp collective at " + place(thread.where) + ";";
    }
  }
  text.pop_back();
  fail(text);
}

void run_block(std::size_t dynamic_bytes) {
  prepare_block(dynamic_bytes);
  while (!kernel_failed) {
    const int chosen = pick_thread();
    if (chosen < 0) {
      if (block.finished != int(threads.size())) report_deadlock();
      break;
    }
    Thread& thread = threads[std::size_t(chosen)];
    if (thread.state == ThreadState::fresh) {
      if (free_fibres.empty()) {
        fibres.emplace_back();
        prepare(fibres.back(), run_threads);
        free_fibres.push_back(int(fibres.size()) - 1);
      }
      thread.fibre = free_fibres.back();
      free_fibres.pop_back();
    }
    current = &thread.self;
    count_switch(host_fibre, fibres[std::size_t(thread.fibre)]);
    current = nullptr;
  }
  if (!kernel_failed) return;
  free_fibres.clear();  // abandon what is left on the stacks
  for (std::size_t i = 0; i < fibres.size(); ++i) {
    prepare(fibres[i], run_threads);
    free_fibres.push_back(int(i));
  }
}

cudaError_t run_grid(dim3 grid_size, dim3 block_size, std::size_t shared) {
  grid.size = grid_size;
  grid.block_size = block_size;
  threads.clear();
  // A kernel that has opted in to more dynamic memory may fill the block's 227 KiB.
  const bool opted_in = dynamic_shared_limit(running_kernel) > kStaticSharedLimit;
  block.shared_limit = opted_in ? kSharedPerBlock : kStaticSharedLimit;
  kernel_failed = false;
  ++stats.launches;
  ++launch_serial;
  std::vector<std::size_t> blocks(std::size_t(grid_size.x) * grid_size.y * grid_size.z);
  std::iota(blocks.begin(), blocks.end(), std::size_t(0));
  if (schedule_order < 0) std::reverse(blocks.begin(), blocks.end());
  if (schedule_order > 0) std::shuffle(blocks.begin(), blocks.end(), random_engine);
  for (const std::size_t number : blocks) {
    grid.block_index = {unsigned(number % grid_size.x),
                        unsigned(number / grid_size.x % grid_size.y),
                        unsigned(number / grid_size.x / grid_size.y)};
    run_block(shared);
    if (kernel_failed) return cudaErrorLaunchFailure;
  }
  return cudaSuccess;
}

}  // namespace

cudaError_t launch_grid(const void* kernel, dim3 grid_size, dim3 block_size, std::size_t shared,
                        cudaStream_t stream, std::function<void()> body) {
  const Lock lock(runtime_mutex);
  const std::size_t count = std::size_t(block_size.x) * block_size.y * block_size.z;
  if (!count || count > 1024 || block_size.z > 64 || !grid_size.x || !grid_size.y || !grid_size.z ||
      grid_size.x > 0x7fffffffu || grid_size.y > 65535 || grid_size.z > 65535) {
    return keep_error(cudaErrorInvalidConfiguration);
  }
  if (shared > dynamic_shared_limit(kernel)) return keep_error(cudaErrorInvalidValue);
  return enqueue(
      stream,
      [=, body = std::move(body)] {
        const DeviceAccess access;
        kernel_body = &body;
        running_kernel = kernel;
        count_launch(kernel);
        const cudaError_t result = run_grid(grid_size, block_size, shared);
        running_kernel = nullptr;
        return result;
      },
      cudaGraphNodeTypeKernel);
}

}  // namespace simt
