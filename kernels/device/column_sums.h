// SPDX-License-Identifier: MIT
// Sums over the rows of a (rows, channels) matrix, the shape of every bias gradient. Blocks are
// tiles of up to 64 groups of V neighbouring channels times as many row lanes as threads allow, so
// that a thread keeps its channels and adds them up in registers.
#pragma once

#include <algorithm>
#include <cstddef>

#include "device/language.h"
#include "device/pack.h"
#include "device/reduce.h"

namespace dropmuon::kernels {

// Twice as many threads as usual: half as many blocks, hence partial sums for the last block.
inline constexpr int kColumnThreads = 512;
inline constexpr int kColumnBlocks = 2 * 132;

struct ColumnGrid {
  int channels;
  int groups;  // channels / V
  int tiles;   // blocks side by side, gridDim.y
  int width;   // groups in a tile
  int lanes;   // rows that a block takes at a time
  int blocks;  // gridDim.x; each writes a row of `channels` partial sums
};

// max_blocks: how many partial rows fit, at least 1. At least rows_per_lane rows go to each lane.
inline ColumnGrid column_grid(std::size_t rows, int channels, int v, std::size_t max_blocks,
                              std::size_t rows_per_lane) {
  constexpr int kGroups = 64;
  ColumnGrid g{};
  g.channels = channels;
  g.groups = channels / v;
  g.tiles = (g.groups + kGroups - 1) / kGroups;
  g.width = (g.groups + g.tiles - 1) / g.tiles;
  g.lanes = kColumnThreads / g.width;
  const std::size_t per_block = rows_per_lane * static_cast<std::size_t>(g.lanes);
  const auto wanted = std::max<std::size_t>(1, static_cast<std::size_t>(kColumnBlocks / g.tiles));
  g.blocks = static_cast<int>(std::min({(rows + per_block - 1) / per_block, wanted, max_blocks}));
  return g;
}

// What the calling thread works on.
struct ColumnPlace {
  __device__ explicit ColumnPlace(const ColumnGrid& grid)
      : lane(static_cast<int>(threadIdx.x) / grid.width),
        group(static_cast<int>(blockIdx.y) * grid.width +
              static_cast<int>(threadIdx.x) % grid.width),
        active(lane < grid.lanes && group < grid.groups),
        row(static_cast<std::size_t>(blockIdx.x) * grid.lanes + lane),
        stride(static_cast<std::size_t>(grid.blocks) * grid.lanes) {}
  int lane;
  int group;
  bool active;
  std::size_t row;  // first of this thread's rows
  std::size_t stride;
};

// Adds up the lanes of a block; the sum is in the threads of lane 0. All threads must come.
// After the last barrier a thread touches its own element alone, so calls may follow each other.
template <int V>
__device__ __forceinline__ Pack<V> sum_lanes(const ColumnGrid& grid, int lane, bool active,
                                             const Pack<V>& mine, Pack<V>* staging) {
  Pack<V>* own = staging + threadIdx.x;
  *own = mine;
  __syncthreads();
  for (int n = grid.lanes; n > 1; n = (n + 1) / 2) {
    const int half = (n + 1) / 2;
    if (active && lane < n - half) {
      for (int k = 0; k < V; ++k) own->v[k] += own[half * grid.width].v[k];
    }
    __syncthreads();
  }
  return *own;
}

// Adds up all threads' sums: out (channels) = or += the total. partials holds blocks x channels
// floats, 16-byte aligned. All threads of all blocks must come.
template <int V>
__device__ void finish_column_sums(const ColumnGrid& grid, const ColumnPlace& place,
                                   const Pack<V>& sum, float* partials, unsigned* counter,
                                   float* out, bool accumulate) {
  SHARED(Pack<V>[kColumnThreads], staging);
  const auto channels = static_cast<std::size_t>(grid.channels);
  const Pack<V> block = sum_lanes(grid, place.lane, place.active, sum, staging);
  if (place.active && place.lane == 0) {
    store<V>(partials + blockIdx.x * channels + static_cast<std::size_t>(place.group) * V, block);
  }
  if (!last_block(counter, gridDim.x * gridDim.y)) return;
  for (int tile = 0; tile < grid.tiles; ++tile) {
    const int group = tile * grid.width + static_cast<int>(threadIdx.x) % grid.width;
    const bool active = place.lane < grid.lanes && group < grid.groups;
    const std::size_t channel = static_cast<std::size_t>(group) * V;
    Pack<V> total{};
    if (active) {
#pragma unroll 8
      for (int b = place.lane; b < grid.blocks; b += grid.lanes) {
        const Pack<V> part = load_shared_result<V>(partials + b * channels + channel);
        for (int k = 0; k < V; ++k) total.v[k] += part.v[k];
      }
    }
    total = sum_lanes(grid, place.lane, active, total, staging);
    if (active && place.lane == 0) {
      for (int k = 0; k < V; ++k) {
        const float old = accumulate ? out[channel + k] : 0.0F;
        out[channel + k] = old + total.v[k];
      }
    }
  }
}

}  // namespace dropmuon::kernels
