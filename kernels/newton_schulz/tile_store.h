// SPDX-License-Identifier: MIT
// Device code: what becomes of a tile's sums.
#pragma once

#include "device/language.h"
#include "newton_schulz/tile_product.h"

namespace dropmuon::kernels {

// The sums of this thread's outputs, number threadIdx.x + j * kTileThreads of the tile; groups are
// added in order.
template <typename Layout, int kTile>
__device__ void take_sums(const unsigned char* memory, float (&values)[Layout::kPerThread]) {
  const auto* const sums = reinterpret_cast<const float*>(memory);
  for (int j = 0; j < Layout::kPerThread; ++j) {
    const int e = j * kTileThreads + static_cast<int>(threadIdx.x);
    const int at = e / kTile * Layout::kSumRow + e % kTile;
    values[j] = sums[at];
    for (int g = 1; g < Layout::kGroups; ++g) {
      values[j] += sums[g * kTile * Layout::kSumRow + at];
    }
  }
}

__device__ inline void put(const Product& p, int row, int col, float value) {
  if (row >= p.rows || col >= p.cols) return;
  const std::size_t at = static_cast<std::size_t>(row) * static_cast<std::size_t>(p.stride) +
                         static_cast<std::size_t>(col);
  p.c[at] = value;
  if (p.shifted != nullptr) p.shifted[at] = row == col ? value + p.shift : value;
}

// c = alpha values + beta d. The tile goes through shared memory once more so that its mirror image
// is stored in whole rows too; of a tile on the diagonal the lower half counts.
template <typename Layout, int kTile>
__device__ void store_tile(const Product& p, const TilePlace& place,
                           const float (&values)[Layout::kPerThread], unsigned char* memory) {
  auto* const tile = reinterpret_cast<float*>(memory);
  const float scale = p.scaled_d ? *p.scale : 1.0F;
  const bool diagonal = p.symmetric && place.row == place.col;
  __syncthreads();  // the sums are read
  for (int j = 0; j < Layout::kPerThread; ++j) {
    const int e = j * kTileThreads + static_cast<int>(threadIdx.x);
    const int row = place.row + e / kTile;
    const int col = place.col + e % kTile;
    float value = p.alpha * values[j];
    if (p.d != nullptr && row < p.rows && col < p.cols) {
      const std::size_t at = static_cast<std::size_t>(row) * static_cast<std::size_t>(p.stride) +
                             static_cast<std::size_t>(col);
      value = fmaf(p.beta, p.d[at] * scale, value);
    }
    tile[e / kTile * Layout::kSumRow + e % kTile] = value;
  }
  __syncthreads();
  for (int j = 0; j < Layout::kPerThread; ++j) {
    const int e = j * kTileThreads + static_cast<int>(threadIdx.x);
    const int r = e / kTile;
    const int c = e % kTile;
    const float mirrored = tile[c * Layout::kSumRow + r];
    put(p, place.row + r, place.col + c,
        diagonal && r < c ? mirrored : tile[r * Layout::kSumRow + c]);
    if (p.symmetric && !diagonal) put(p, place.col + r, place.row + c, mirrored);
  }
  __syncthreads();
}

}  // namespace dropmuon::kernels
