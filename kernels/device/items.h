// SPDX-License-Identifier: MIT
// One launch over many tensors: their descriptions travel in the kernel's arguments, and each gets
// a run of blocks in proportion to its size.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "device/grid.h"
#include "device/language.h"
#include "max_items.h"

namespace dropmuon::kernels {

template <typename Item>
struct ItemTable {
  int count;
  int first_block[kMaxItems + 1];  // item i has the blocks first_block[i] .. first_block[i + 1] - 1
  Item items[kMaxItems];

  unsigned blocks() const { return static_cast<unsigned>(first_block[count]); }
};

// Host: gives out at most max_blocks blocks, which must be at least table.count. work[i]: pieces of
// item i, at least 1, that are worth a block; the cut depends on nothing else.
template <typename Item>
void share_blocks(ItemTable<Item>& table, const std::size_t* work, std::size_t max_blocks) {
  std::size_t total = 0;
  for (int i = 0; i < table.count; ++i) total += work[i];
  const std::size_t spare = max_blocks - static_cast<std::size_t>(table.count);
  const std::size_t per_block = spare > 0 ? (total + spare - 1) / spare : total;
  int first = 0;
  for (int i = 0; i < table.count; ++i) {
    table.first_block[i] = first;
    first += static_cast<int>((work[i] + per_block - 1) / per_block);
  }
  table.first_block[table.count] = first;
}

// Host: blocks worth having for element-wise work, four elements a thread.
inline std::size_t element_blocks(std::size_t size) {
  return (size + 4 * kThreads - 1) / (4 * kThreads);
}

// Host: fills tables with up to kMaxItems items each and hands them to `launch_table`.
template <typename Item, typename LaunchTable>
cudaError_t for_tables(std::span<const Item> items, std::size_t max_blocks,
                       const LaunchTable& launch_table) {
  for (const Item& item : items) {
    if (item.size == 0) return cudaErrorInvalidValue;
  }
  static_assert(sizeof(ItemTable<Item>) + 64 <= 4096, "kernel arguments are limited to 4 KiB");
  const std::size_t most = std::min<std::size_t>(kMaxItems, max_blocks);
  for (; !items.empty(); items = items.subspan(std::min(most, items.size()))) {
    ItemTable<Item> table{};
    std::size_t work[kMaxItems];
    table.count = static_cast<int>(std::min(most, items.size()));
    for (int i = 0; i < table.count; ++i) {
      table.items[i] = items[i];
      work[i] = element_blocks(items[i].size);
    }
    share_blocks(table, work, max_blocks);
    if (const cudaError_t error = launch_table(table); error != cudaSuccess) return error;
  }
  return cudaSuccess;
}

// The calling block's item, and its place among the item's blocks.
struct Share {
  int item;
  unsigned block;
  unsigned blocks;
};

template <typename Item>
__device__ __forceinline__ Share block_share(const ItemTable<Item>& table) {
  const int block = static_cast<int>(blockIdx.x);
  int low = 0;
  int high = table.count;
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    if (table.first_block[middle] <= block) {
      low = middle;
    } else {
      high = middle;
    }
  }
  const int first = table.first_block[low];
  return {low, static_cast<unsigned>(block - first),
          static_cast<unsigned>(table.first_block[low + 1] - first)};
}

// op.apply<V>(i) for elements i .. i + V - 1, all of 0 .. size - 1 shared out among the threads of
// the item's blocks. aligned: every pointer op uses is 16-byte aligned.
template <typename Op>
__device__ __forceinline__ void for_elements(const Share& share, std::size_t size, bool aligned,
                                             Op& op) {
  const std::size_t thread = static_cast<std::size_t>(share.block) * kThreads + threadIdx.x;
  const std::size_t stride = static_cast<std::size_t>(share.blocks) * kThreads;
  std::size_t done = 0;
  if (aligned) {
    const std::size_t quads = size / 4;
    for (std::size_t q = thread; q < quads; q += stride) op.template apply<4>(4 * q);
    done = 4 * quads;
  }
  for (std::size_t i = done + thread; i < size; i += stride) op.template apply<1>(i);
}

}  // namespace dropmuon::kernels
