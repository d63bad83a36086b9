// SPDX-License-Identifier: MIT
// Where the threads of a block meet: barriers, warp collectives, shared memory.
#include <algorithm>
#include <cstring>

#include "simt/block.h"
#include "simt/fibre.h"

namespace simt {
void release_barrier() {
  for (Thread& thread : threads) {
    if (thread.state != ThreadState::at_barrier) continue;
    thread.state = ThreadState::ready;
    block.ready.push_back(int(thread.self.linear));
  }
  block.waiting = 0;
  block.barrier_open = false;
  race_barrier();
  ++barrier_epoch;
  ++stats.barriers;
}

namespace {

void arrive(const Location& where) {
  Thread& thread = self();
  if (block.barrier_open && (where.line() != block.barrier_place.line() ||
                             std::strcmp(where.file_name(), block.barrier_place.file_name()))) {
    fail(describe(thread) + " reaches __syncthreads at " + place(where) + " while others wait at " +
         place(block.barrier_place));
  }
  block.barrier_open = true;
  block.barrier_place = where;
  thread.where = where;
  thread.state = ThreadState::at_barrier;
  if (++block.waiting + block.finished == int(threads.size())) {
    if (block.finished) fail("threads have exited before the __syncthreads at " + place(where));
    release_barrier();
  }
}

}  // namespace

void block_barrier(Location where) {
  arrive(where);
  to_scheduler();
}

int block_barrier_count(int predicate, Count what, Location where) {
  const int all = int(threads.size());
  block.predicates += predicate != 0;
  if (block.waiting + 1 == all) {
    const int count = block.predicates;
    block.predicate_result = what == Count::total ? count
                             : what == Count::all ? count == all
                                                  : count > 0;
    block.predicates = 0;
  }
  arrive(where);
  to_scheduler();
  return block.predicate_result;
}

void collective(unsigned mask, Combine combine, void* payload, Location where) {
  Thread& thread = self();
  const unsigned warp = thread.self.warp;
  const unsigned base = warp * 32;
  const auto live = unsigned(std::min<std::size_t>(32, threads.size() - base));
  if (live < 32 && mask == 0xffffffffu) mask = (1u << live) - 1;  // a short last warp
  if (!(mask >> thread.self.lane & 1)) trap("warp collective: own lane not in mask", where);
  thread.mask = mask;
  thread.combine = combine;
  thread.payload = payload;
  thread.where = where;
  thread.state = ThreadState::at_collective;
  ++stats.collectives;
  void* payloads[32] = {};
  for (unsigned lane = 0; lane < 32; ++lane) {
    if (!(mask >> lane & 1)) continue;
    if (lane >= live) trap("warp collective: the mask names a lane that does not exist", where);
    const Thread& other = threads[base + lane];
    if (other.state == ThreadState::done) {
      trap("warp collective: a lane of the mask has exited", where);
    }
    if (other.state != ThreadState::at_collective) {  // the last to come will do the work
      to_scheduler();
      return;
    }
    if (other.combine != combine || other.mask != mask) {
      trap(("warp collective differs from the one lane " + std::to_string(lane) + " waits in at " +
            place(other.where))
               .c_str(),
           where);
    }
    payloads[lane] = other.payload;
  }
  thread.state = ThreadState::ready;
  combine(payloads, mask);
  if (race_detection) race_collective(mask, warp);
  for (unsigned lane = 0; lane < 32; ++lane) {
    if (!(mask >> lane & 1) || lane == thread.self.lane) continue;
    threads[base + lane].state = ThreadState::ready;
    block.ready.push_back(int(base + lane));
  }
}

// ----------------------------------------------------------------- shared memory
void bind_static_shared(SharedSlot& slot, std::size_t bytes, std::size_t alignment) {
  constexpr std::size_t kRedZone = 32;
  const std::size_t offset = (block.shared_used + kRedZone + alignment - 1) / alignment * alignment;
  if (offset + bytes > kSharedArena) trap("shared memory exhausted", Location::current());
  block.shared_used = offset + bytes;
  block.static_bytes += (bytes + 15) / 16 * 16;
  const std::size_t total = block.dynamic_bytes + block.static_bytes;
  stats.max_shared = std::max(stats.max_shared, total);
  if (block.static_bytes > kStaticSharedLimit) {
    trap("more than 48 KiB of static shared memory", Location::current());
  }
  if (total > block.shared_limit) {
    trap("static + dynamic shared memory over the limit", Location::current());
  }
  unpoison(shared_arena + offset, bytes);
  std::memset(shared_arena + offset, 0xff, bytes);  // NaN: on a GPU it holds rubbish
  slot = {block_serial, shared_arena + offset};
}

void* dynamic_shared(Location where) {
  if (!block.dynamic_bytes) trap("dynamic shared memory used but launched with 0 bytes", where);
  return shared_arena;
}

}  // namespace simt
