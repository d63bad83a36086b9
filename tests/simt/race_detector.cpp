// SPDX-License-Identifier: MIT
// Finds unordered accesses to shared and global memory within one launch. What orders two of them:
//   in a block   the barrier between them, or a warp collective that both lanes took part in;
//   two blocks   a __threadfence() after the first (by its thread, or by one that a barrier or
//                collective puts after it), then an atomic by the first block and a later atomic by
//                the second block on the same address: the "last block done" counter.
// Atomics on the same address never race with each other.
#include <algorithm>
#include <memory>
#include <unordered_map>
#include <vector>

#include <sys/mman.h>

#include "simt/internal.h"

namespace simt {

bool race_detection = false;

namespace {

struct Record {
  std::uint32_t launch = 0;
  std::uint32_t block = 0;
  std::uint32_t epoch = 0;
  std::uint32_t clock = 0;
  std::uint16_t thread = 0;
  std::uint8_t bytes = 0;  // which of the cell's four
  bool atomic = false;
};
struct Cell {  // four bytes of memory: the last write and two reads
  Record write;
  Record read;
  Record other_read;
};
Cell* device_cells = nullptr;
std::vector<Cell> shared_cells;

// What a thread knows of the 32 lanes of its warp. Clocks only grow, over the whole block.
struct Clocks {
  std::uint32_t lane[32];
};
std::vector<Clocks> clocks;

// What a fence made visible: everything before barrier epoch `epoch`, and in that epoch what each
// thread did up to its entry in `clock`.
struct Released {
  std::uint32_t epoch = 0;
  std::vector<std::uint32_t> clock;

  void join(const Released& other) {
    epoch = std::max(epoch, other.epoch);
    if (clock.size() < other.clock.size()) clock.resize(other.clock.size());
    for (std::size_t i = 0; i < other.clock.size(); ++i) {
      clock[i] = std::max(clock[i], other.clock[i]);
    }
  }
  bool covers(const Record& record) const {
    return record.epoch < epoch ||
           (record.thread < clock.size() && record.clock <= clock[record.thread]);
  }
};
// An address that atomics of this launch have used, and what the blocks released through it.
struct SyncPoint {
  std::unordered_map<std::uint32_t, Released> by_block;
};
std::unordered_map<std::uintptr_t, SyncPoint> sync_points;
std::uint32_t sync_launch = 0;
std::vector<const SyncPoint*> acquired;  // by the running block

// Fences of the running block: those that a barrier has shared, and each thread's since then.
Released fenced_block;
std::unordered_map<unsigned, Released> fenced_threads;

Thread& self() { return *reinterpret_cast<Thread*>(current); }

bool ordered_across_blocks(const Record& record) {
  for (const SyncPoint* point : acquired) {
    const auto released = point->by_block.find(record.block);
    if (released != point->by_block.end() && released->second.covers(record)) return true;
  }
  return false;
}

// Did the recorded access happen before the running thread's present?
bool ordered(const Record& record, bool shared) {
  if (record.launch != launch_serial) return true;
  if (record.block != block_number()) return shared || ordered_across_blocks(record);
  const Lane& me = *current;
  if (record.thread == me.linear || record.epoch != barrier_epoch) return true;
  if (record.thread / 32 != me.warp) return false;
  return clocks[me.linear].lane[record.thread % 32] >= record.clock;
}

void check_cell(Cell& cell, std::uintptr_t address, unsigned low, unsigned count, Access access,
                bool shared) {
  const Lane& me = *current;
  const auto bytes = std::uint8_t(((1u << count) - 1) << low);
  const bool atomic = access == Access::atomic;
  const auto require = [&](const Record& record, const char* verb) {
    if (!record.launch || !(record.bytes & bytes) || (record.atomic && atomic)) return;
    if (ordered(record, shared)) return;
    const char* base = shared ? shared_arena : device_arena;
    fail(std::string("race on ") + (shared ? "shared" : "global") + " memory +" +
         std::to_string(address - std::uintptr_t(base)) + ": " +
         describe(block_number(), me.linear) + (access == Access::read ? " reads, " : " writes, ") +
         describe(record.block, record.thread) + " " + verb + " unordered");
  };
  require(cell.write, "wrote");
  if (access != Access::read) {
    require(cell.read, "read");
    require(cell.other_read, "read");
  }
  Record now{launch_serial,
             block_number(),
             barrier_epoch,
             clocks[me.linear].lane[me.lane],
             std::uint16_t(me.linear),
             bytes,
             atomic};
  const auto same_place = [&](const Record& r) {
    return r.launch == now.launch && r.block == now.block && r.thread == now.thread &&
           r.epoch == now.epoch && r.clock == now.clock;
  };
  if (access != Access::read) {
    if (same_place(cell.write)) now.bytes |= cell.write.bytes;
    cell.write = now;
  } else if (same_place(cell.read) || ordered(cell.read, shared)) {
    if (same_place(cell.read)) now.bytes |= cell.read.bytes;
    cell.read = now;
  } else {
    cell.other_read = now;
  }
}

// The fences that happened before the running thread's present.
Released fences_before() {
  Released result = fenced_block;
  const auto own = fenced_threads.find(current->linear);
  if (own != fenced_threads.end()) result.join(own->second);
  return result;
}

void synchronise_through(std::uintptr_t address) {
  if (sync_launch != launch_serial) {
    sync_points.clear();
    sync_launch = launch_serial;
  }
  SyncPoint& point = sync_points[address];
  if (std::find(acquired.begin(), acquired.end(), &point) == acquired.end()) {
    acquired.push_back(&point);
  }
  if (fenced_block.epoch || !fenced_threads.empty()) {
    point.by_block[block_number()].join(fences_before());
  }
}

}  // namespace

void touch(const void* pointer, std::size_t bytes, Access access) {
  if (!current || !race_detection) return;
  auto address = reinterpret_cast<std::uintptr_t>(pointer);
  const bool shared = address - std::uintptr_t(shared_arena) < kSharedArena;
  if (!shared && !is_device(pointer)) return;
  if (access == Access::atomic && !shared) synchronise_through(address);
  while (bytes) {
    const auto low = unsigned(address & 3);
    const auto count = unsigned(std::min<std::size_t>(bytes, 4 - low));
    Cell& cell = shared ? shared_cells[(address - std::uintptr_t(shared_arena)) / 4]
                        : device_cells[(address - std::uintptr_t(device_arena)) / 4];
    check_cell(cell, address, low, count, access, shared);
    address += count;
    bytes -= count;
  }
}

void fence() {
  if (!race_detection || !current) return;
  const Thread& thread = self();
  const unsigned base = thread.self.warp * 32;
  Released now;
  now.epoch = barrier_epoch;
  now.clock.resize(threads.size());
  Clocks& known = clocks[thread.self.linear];
  for (unsigned lane = 0; lane < 32 && base + lane < threads.size(); ++lane) {
    now.clock[base + lane] = known.lane[lane];
  }
  fenced_threads[thread.self.linear].join(now);
  ++known.lane[thread.self.lane];  // what follows is not covered
}

void race_begin_block(std::size_t thread_count) {
  clocks.assign((thread_count + 31) / 32 * 32, {});
  for (std::size_t i = 0; i < thread_count; ++i) clocks[i].lane[i % 32] = 1;
  ++barrier_epoch;
  acquired.clear();
  fenced_block = {};
  fenced_threads.clear();
}

void race_barrier() {
  if (fenced_threads.empty()) return;
  for (const auto& [thread, released] : fenced_threads) fenced_block.join(released);
  fenced_threads.clear();
}

void race_collective(unsigned mask, unsigned warp) {
  Clocks merged{};
  Released fenced;
  bool any_fence = false;
  for (unsigned lane = 0; lane < 32; ++lane) {
    if (!(mask >> lane & 1)) continue;
    const Clocks& one = clocks[warp * 32 + lane];
    for (unsigned k = 0; k < 32; ++k) merged.lane[k] = std::max(merged.lane[k], one.lane[k]);
    if (fenced_threads.empty()) continue;
    const auto own = fenced_threads.find(warp * 32 + lane);
    if (own == fenced_threads.end()) continue;
    any_fence = true;
    fenced.join(own->second);
  }
  for (unsigned lane = 0; lane < 32; ++lane) {
    if (!(mask >> lane & 1)) continue;
    Clocks& one = clocks[warp * 32 + lane];
    one = merged;
    ++one.lane[lane];
    if (any_fence) fenced_threads[warp * 32 + lane] = fenced;
  }
}

void enable_race_detector() {
  race_detection = true;
  if (device_cells) return;
  void* cells = mmap(nullptr, kDeviceArena / 4 * sizeof(Cell), PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (cells == MAP_FAILED) fail("no address space for the race detector");
  device_cells = static_cast<Cell*>(cells);
  shared_cells.resize(kSharedArena / 4);
}
bool race_build() { return race_detection; }

}  // namespace simt
