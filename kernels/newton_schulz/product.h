// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include <cuda_runtime_api.h>

namespace dropmuon::kernels {

// One factor of a product: element (i, k), k being what is summed over, lies at
// data[i * outer_stride + k * depth_stride], so a transposed view costs nothing. One of the strides
// is 1.
struct Factor {
  const float* data;
  int outer_stride, depth_stride;
  bool scaled;  // every element is multiplied with *Product::scale, before any rounding
};

// c = alpha A B + beta D, and shifted = c + shift I: A is rows x depth, B is depth x cols with
// element (k, j) at B.data[j * outer_stride + k * depth_stride]. c, d and shifted are row-major
// with row length `stride`; d and shifted may be null. None of the outputs is also an input. With
// symmetric set A B must be symmetric, and d too: only the lower triangle is computed, and the
// result equals its transpose bit for bit.
struct Product {
  Factor a, b;
  const float* d;
  float* c;
  float* shifted;
  const float* scale;  // one element; null: 1
  int rows, cols, depth, stride;
  float alpha, beta, shift;
  bool scaled_d, symmetric;
};

// How a product is cut into blocks' work. It depends on the product's shape alone: so do the bits.
struct Cut {
  int tile;    // outputs are computed in tile x tile pieces,
  int splits;  // each by so many blocks,
  int chunk;   // which take so much of the depth; a multiple of slice_depth(tile)
  int tiles;
};

// Depth of the operand slices that a block holds in shared memory.
__host__ __device__ constexpr int slice_depth(int tile) { return tile == 64 ? 32 : 64; }

__host__ __device__ inline Cut cut_of(const Product& p) {
  // Small tiles give a small matrix to more multiprocessors; large ones read less.
  const int side = p.rows < p.cols ? p.rows : p.cols;
  const int tile = side <= 16 ? 16 : side <= 256 ? 32 : 64;
  const int down = (p.rows + tile - 1) / tile;
  const int across = (p.cols + tile - 1) / tile;
  const int tiles = p.symmetric ? down * (down + 1) / 2 : down * across;
  // A long sum over few tiles is split so that about as many blocks run as a large GPU has
  // multiprocessors, but not into less than four slices each.
  constexpr int kBlocks = 132;
  const int depth = slice_depth(tile);
  const int slices = (p.depth + depth - 1) / depth;
  int splits = kBlocks / tiles < slices / 4 ? kBlocks / tiles : slices / 4;
  if (splits < 1) splits = 1;
  const int each = (slices + splits - 1) / splits;
  return {tile, (slices + each - 1) / each, each * depth, tiles};
}

// The tile with this number: its first row and column. Symmetric products count the lower triangle.
struct TilePlace {
  int row, col;
};

__host__ __device__ inline TilePlace tile_place(const Product& p, int tile, int number) {
  if (p.symmetric) {
    int row = 0;
    while ((row + 1) * (row + 2) / 2 <= number) ++row;
    return {row * tile, (number - row * (row + 1) / 2) * tile};
  }
  const int across = (p.cols + tile - 1) / tile;
  return {number / across * tile, number % across * tile};
}

}  // namespace dropmuon::kernels
