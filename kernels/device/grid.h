// SPDX-License-Identifier: MIT
// Sizes of launches whose threads stride over their elements.
#pragma once

#include <algorithm>
#include <cstddef>

namespace dropmuon::kernels {

// Four blocks of 256 threads on each of an H100's 132 multiprocessors: one wave, and enough loads
// in flight to fill the memory bus.
inline constexpr int kThreads = 256;
inline constexpr int kBlocksPerProcessor = 4;
inline constexpr int kMaxBlocks = kBlocksPerProcessor * 132;

inline unsigned grid_blocks(std::size_t elements, std::size_t per_block = kThreads) {
  return static_cast<unsigned>(
      std::min<std::size_t>((elements + per_block - 1) / per_block, kMaxBlocks));
}

}  // namespace dropmuon::kernels
