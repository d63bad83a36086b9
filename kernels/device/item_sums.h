// SPDX-License-Identifier: MIT
// One sum for each tensor of a table, in a fixed order.
#pragma once

#include <algorithm>
#include <cstddef>

#include "device/grid.h"
#include "device/items.h"
#include "device/language.h"
#include "device/reduce.h"
#include "scratch.h"

namespace dropmuon::kernels {

inline constexpr int kSumWarps = kThreads / 32;

// Where the blocks leave their sums; of no use if blocks is 0.
struct ItemSums {
  double* partials;   // one for each block of a launch
  unsigned* counter;  // 0 before and after it
};

// Host: the blocks that `scratch` has room for, at most kMaxBlocks; 0 if it cannot serve.
inline std::size_t sum_blocks(const Scratch& scratch) {
  if (scratch.counter_count < 1) return 0;
  return std::min<std::size_t>(kMaxBlocks, scratch.float_count / 2);
}

inline ItemSums item_sums(const Scratch& scratch) {
  return {reinterpret_cast<double*>(scratch.floats), scratch.counters};
}

// Every block leaves the sum of its threads' values; the last block adds up each item's, a warp per
// item, and hands it to finish(item, sum) in one thread. staging: kSumWarps elements of shared
// memory. All threads must come.
template <typename Item, typename Finish>
__device__ __forceinline__ void sum_by_item(const ItemTable<Item>& table, double value,
                                            const ItemSums& sums, double* staging,
                                            const Finish& finish) {
  const double sum = block_sum<kSumWarps>(value, staging);
  if (threadIdx.x == 0) sums.partials[blockIdx.x] = sum;
  if (!last_block(sums.counter, gridDim.x)) return;
  const int lane = static_cast<int>(threadIdx.x % 32);
  for (int i = static_cast<int>(threadIdx.x / 32); i < table.count; i += kSumWarps) {
    double total = 0.0;
    for (int b = table.first_block[i] + lane; b < table.first_block[i + 1]; b += 32) {
      total += __ldcg(sums.partials + b);
    }
    total = warp_sum(total);
    if (lane == 0) finish(table.items[i], total);
  }
}

// For sum_by_item: the sum is that of the squares of new value minus old.
struct NoteChange {
  template <typename Item>
  __device__ __forceinline__ void operator()(const Item& item, double squares) const {
    if (item.change == nullptr) return;
    const float norm = static_cast<float>(sqrt(squares));
    item.change->last = norm;
    item.change->total += norm;
  }
};

}  // namespace dropmuon::kernels
