// SPDX-License-Identifier: MIT
// Block barriers, warp barriers, shuffles and votes.
#pragma once

#include <cstring>

#include "simt/device_entry.h"

inline void __syncthreads(simt::Location where = simt::Location::current()) {
  simt::block_barrier(where);
}
inline int __syncthreads_count(int predicate, simt::Location where = simt::Location::current()) {
  return simt::block_barrier_count(predicate, simt::Count::total, where);
}
inline int __syncthreads_and(int predicate, simt::Location where = simt::Location::current()) {
  return simt::block_barrier_count(predicate, simt::Count::all, where);
}
inline int __syncthreads_or(int predicate, simt::Location where = simt::Location::current()) {
  return simt::block_barrier_count(predicate, simt::Count::any, where);
}
inline void __syncwarp(unsigned mask = 0xffffffffu,
                       simt::Location where = simt::Location::current()) {
  simt::collective(
      mask, [](void**, unsigned) {}, nullptr, where);
}
inline void __threadfence() { simt::fence(); }
inline void __threadfence_block() {}
inline void __threadfence_system() { simt::fence(); }

namespace simt {

enum class Shuffle { index, up, down, exclusive_or };

template <typename T>
struct ShuffleSlot {
  T value;
  T result;
  int selector;
  int width;
};

template <typename T, Shuffle K>
void combine_shuffle(void** payloads, unsigned mask) {
  for (int lane = 0; lane < 32; ++lane) {
    if (!(mask >> lane & 1)) continue;
    auto& slot = *static_cast<ShuffleSlot<T>*>(payloads[lane]);
    const int base = lane & ~(slot.width - 1);
    int source = lane;
    if constexpr (K == Shuffle::index) source = base + (slot.selector & (slot.width - 1));
    if constexpr (K == Shuffle::up) source -= lane - slot.selector < base ? 0 : slot.selector;
    if constexpr (K == Shuffle::down) {
      source += lane + slot.selector >= base + slot.width ? 0 : slot.selector;
    }
    if constexpr (K == Shuffle::exclusive_or) {
      if ((lane ^ slot.selector) < base + slot.width) source = lane ^ slot.selector;
    }
    if (mask >> source & 1) {
      slot.result = static_cast<ShuffleSlot<T>*>(payloads[source])->value;
    } else {  // undefined on a GPU: make it visible
      std::memset(static_cast<void*>(&slot.result), 0xff, sizeof(T));
    }
  }
}

template <typename T, Shuffle K>
T shuffle(unsigned mask, T value, int selector, int width, Location where) {
  if (width < 1 || width > 32 || (width & (width - 1))) trap("shuffle width is not 1..32", where);
  ShuffleSlot<T> slot{value, value, selector, width};
  collective(mask, &combine_shuffle<T, K>, &slot, where);
  return slot.result;
}

struct VoteSlot {
  int predicate;
  unsigned result;
};

inline void combine_votes(void** payloads, unsigned mask) {
  unsigned result = 0;
  for (int lane = 0; lane < 32; ++lane) {
    if (mask >> lane & 1 && static_cast<VoteSlot*>(payloads[lane])->predicate) result |= 1u << lane;
  }
  for (int lane = 0; lane < 32; ++lane) {
    if (mask >> lane & 1) static_cast<VoteSlot*>(payloads[lane])->result = result;
  }
}

}  // namespace simt

template <typename T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32,
              simt::Location where = simt::Location::current()) {
  return simt::shuffle<T, simt::Shuffle::index>(mask, value, source, width, where);
}
template <typename T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32,
                 simt::Location where = simt::Location::current()) {
  return simt::shuffle<T, simt::Shuffle::up>(mask, value, int(delta), width, where);
}
template <typename T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32,
                   simt::Location where = simt::Location::current()) {
  return simt::shuffle<T, simt::Shuffle::down>(mask, value, int(delta), width, where);
}
template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32,
                  simt::Location where = simt::Location::current()) {
  return simt::shuffle<T, simt::Shuffle::exclusive_or>(mask, value, lane_mask, width, where);
}
inline unsigned __ballot_sync(unsigned mask, int predicate,
                              simt::Location where = simt::Location::current()) {
  simt::VoteSlot slot{predicate, 0};
  simt::collective(mask, &simt::combine_votes, &slot, where);
  return slot.result;
}
inline int __any_sync(unsigned mask, int predicate,
                      simt::Location where = simt::Location::current()) {
  return __ballot_sync(mask, predicate, where) != 0;
}
inline int __all_sync(unsigned mask, int predicate,
                      simt::Location where = simt::Location::current()) {
  return __ballot_sync(mask, predicate, where) == mask;
}
