// SPDX-License-Identifier: MIT
// The running block, shared by the scheduler and the barriers.
#pragma once

#include <cstddef>
#include <vector>

#include "simt/internal.h"

namespace simt {

// Besides its threads.
struct Block {
  std::vector<int> start_order;
  std::vector<int> ready;
  std::size_t next_fresh = 0;
  std::size_t next_ready = 0;
  int waiting = 0;  // in the block barrier
  int finished = 0;
  bool barrier_open = false;
  Location barrier_place;
  int predicates = 0;
  int predicate_result = 0;
  std::size_t shared_used = 0;   // with the red zones
  std::size_t static_bytes = 0;  // without
  std::size_t dynamic_bytes = 0;
  std::size_t shared_limit = 0;
};
extern Block block;

inline Thread& self() { return *reinterpret_cast<Thread*>(current); }
std::string place(const Location& where);
std::string describe(const Thread& thread);
void to_scheduler();  // the running thread waits
void release_barrier();

}  // namespace simt
