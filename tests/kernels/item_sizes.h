// SPDX-License-Identifier: MIT
// Sizes and alignments for kernels that treat many tensors in one launch.
#pragma once

#include <cstddef>
#include <vector>

#include "kernels/max_items.h"

namespace dropmuon::kernels {

struct ItemSize {
  std::size_t size;
  int shifted;  // which of the kernel's arrays, from 1, is not 16-byte aligned; 0: none
  std::size_t offset(int array) const { return array == shifted ? 1 : 0; }
};

// `count` ragged sizes around vectors and blocks.
inline std::vector<ItemSize> item_sizes(int count) {
  static constexpr std::size_t kSizes[] = {1,   2,    3,    4,    5,    31,   33,  255,
                                           256, 1023, 1024, 1025, 4097, 9999, 127, 640};
  std::vector<ItemSize> sizes;
  for (int i = 0; i < count; ++i) {
    sizes.push_back({kSizes[i * 7 % 16], i % 5});
  }
  return sizes;
}

// Lists that fill no launch, exactly one, and more than two; and one with a tensor so large that
// its blocks take several turns.
inline std::vector<std::vector<ItemSize>> item_lists() {
  std::vector<std::vector<ItemSize>> lists = {item_sizes(1), item_sizes(kMaxItems),
                                              item_sizes(kMaxItems + 1),
                                              item_sizes(2 * kMaxItems + 5)};
  lists.push_back({{700001, 0}, {3, 0}, {300001, 1}, {1, 1}});
  return lists;
}

}  // namespace dropmuon::kernels
