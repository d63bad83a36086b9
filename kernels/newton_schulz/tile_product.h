// SPDX-License-Identifier: MIT
// Device code: one block of kTileThreads computes one tile of a Product. Operands pass through
// shared memory in slices; with tensor cores they are rounded on the way.
#pragma once

#include <type_traits>

#include "device/language.h"
#include "newton_schulz/operand.h"
#include "newton_schulz/product.h"

namespace dropmuon::kernels {

inline constexpr int kTileThreads = 256;

template <Operand kOperand>
using OperandType =
    std::conditional_t<kOperand == Operand::fp32, float,
                       std::conditional_t<kOperand == Operand::fp16, __half, __nv_bfloat16>>;

__device__ inline void round_to(float value, float& to) { to = value; }
__device__ inline void round_to(float value, __half& to) { to = __float2half_rn(value); }
__device__ inline void round_to(float value, __nv_bfloat16& to) { to = __float2bfloat16_rn(value); }

// How the threads share a tile. Small tiles leave threads over, so several groups of warps take
// parts of the depth each and their sums are added at the end.
template <Operand kOperand, int kTile>
struct TileLayout {
  static constexpr bool kTensorCores = kOperand != Operand::fp32;
  static constexpr int kDepth = slice_depth(kTile);
  static constexpr int kGroups = kTile == 64 ? 1 : kTile == 32 && kTensorCores ? 2 : 4;
  static constexpr int kGroupDepth = kDepth / kGroups;
  // Padding for rows of [depth][outer]: eight depths by four outers then hit 32 different banks.
  static constexpr int kRow = kTile + (kTensorCores ? 8 : 4);
  static constexpr int kSlice = kDepth * kRow;  // elements of one staged operand
  static constexpr int kFetches = kDepth * kTile / kTileThreads;
  static constexpr int kSumRow = kTile + 4;
  static constexpr int kSums = kGroups * kTile * kSumRow;  // floats
  static constexpr int kPerThread = kTile * kTile / kTileThreads;
};

template <Operand kOperand, int kTile, int kBuffers>
constexpr int tile_bytes() {
  using Layout = TileLayout<kOperand, kTile>;
  const int slices =
      2 * kBuffers * Layout::kSlice * static_cast<int>(sizeof(OperandType<kOperand>));
  const int sums = Layout::kSums * static_cast<int>(sizeof(float));
  return slices > sums ? slices : sums;
}

// Shared memory of a block. The sums take the place of the operands when those are used up.
template <Operand kOperand, int kBuffers>
struct alignas(128) TileMemory {
  static constexpr int kLarge = tile_bytes < kOperand, kBuffers == 1 ? 32 : 64, kBuffers > ();
  static constexpr int kSmall = tile_bytes < kOperand, kBuffers == 1 ? 16 : 32, kBuffers > ();
  unsigned char bytes[kLarge > kSmall ? kLarge : kSmall];
};

// One factor's part in a tile, and which of its elements this thread carries from device to shared
// memory: kFetches of them at equal distances. Whatever the strides, a warp reads whole 32-byte
// sectors: 32 neighbours where neighbours differ in the outer index, else patches of eight depths
// by four outers.
template <Operand kOperand, int kTile>
class Carrier {
  using Layout = TileLayout<kOperand, kTile>;
  using Element = OperandType<kOperand>;

 public:
  __device__ Carrier(const Factor& factor, const float* scale, int first, int end, int depth)
      : depth_stride_(factor.depth_stride), scale_(factor.scaled ? *scale : 1.0F) {
    const int thread = static_cast<int>(threadIdx.x);
    along_depth_ = factor.depth_stride == 1;
    constexpr int kPatches = Layout::kDepth / 8;  // side by side
    const int patch = thread / 32;
    outer_ = along_depth_ ? patch / kPatches * 4 + thread % 32 / 8 : thread % kTile;
    depth_ = along_depth_ ? patch % kPatches * 8 + thread % 8 : thread / kTile;
    room_ = end - first - outer_;
    from_ =
        factor.data +
        static_cast<std::size_t>(first + outer_) * static_cast<std::size_t>(factor.outer_stride) +
        static_cast<std::size_t>(depth + depth_) * static_cast<std::size_t>(depth_stride_);
    const std::size_t step = along_depth_ ? kOuterStep : kDepthStep;
    step_ = step * static_cast<std::size_t>(along_depth_ ? factor.outer_stride : depth_stride_);
  }

  // Reads the next slice, of which `left` depths exist; zero beyond the edges.
  __device__ void fetch(int left) {
    const bool inside = along_depth_ ? depth_ < left : room_ > 0;
    const int limit = !inside ? 0 : along_depth_ ? room_ : left - depth_;
    const int step = along_depth_ ? kOuterStep : kDepthStep;
    const float* from = from_;
    for (int j = 0; j < Layout::kFetches; ++j) {
      values_[j] = j * step < limit ? *from * scale_ : 0.0F;
      from += step_;
    }
    from_ += static_cast<std::size_t>(Layout::kDepth) * static_cast<std::size_t>(depth_stride_);
  }

  __device__ void stage(Element* slice) const {
    Element* const to = slice + depth_ * Layout::kRow + outer_;
    const int step = along_depth_ ? kOuterStep : kDepthStep * Layout::kRow;
    for (int j = 0; j < Layout::kFetches; ++j) round_to(values_[j], to[j * step]);
  }

 private:
  static constexpr int kOuterStep = kTile / Layout::kFetches;
  static constexpr int kDepthStep = Layout::kDepth / Layout::kFetches;

  const float* from_;
  std::size_t step_;
  int depth_stride_, outer_, depth_, room_;
  float scale_;
  bool along_depth_;
  float values_[Layout::kFetches];
};

// Running sums in registers: a square of outputs per thread.
template <Operand kOperand, int kTile>
class Accumulator {
  using Layout = TileLayout<kOperand, kTile>;
  static constexpr int kSide = kTile == 16 ? 2 : 4;
  static constexpr int kAcross = kTile / kSide;

 public:
  __device__ Accumulator() : place_(static_cast<int>(threadIdx.x) % (kAcross * kAcross)) {
    row_ = place_ / kAcross * kSide;
    col_ = place_ % kAcross * kSide;
    group_ = static_cast<int>(threadIdx.x) / (kAcross * kAcross);
  }

  __device__ void add(const float* a, const float* b, int depth) {
    const int begin = group_ * Layout::kGroupDepth;
    const int end = min(depth, begin + Layout::kGroupDepth);
    for (int k = begin; k < end; ++k) {
      float left[kSide];
      float right[kSide];
      read(a + k * Layout::kRow + row_, left);
      read(b + k * Layout::kRow + col_, right);
      for (int i = 0; i < kSide; ++i) {
        for (int j = 0; j < kSide; ++j) sums_[i][j] = fmaf(left[i], right[j], sums_[i][j]);
      }
    }
  }

  __device__ void store(float* sums) const {
    float* const group = sums + group_ * kTile * Layout::kSumRow;
    for (int i = 0; i < kSide; ++i) {
      for (int j = 0; j < kSide; ++j) {
        group[(row_ + i) * Layout::kSumRow + col_ + j] = sums_[i][j];
      }
    }
  }

 private:
  __device__ static void read(const float* from, float (&to)[4]) {
    const float4 v = *reinterpret_cast<const float4*>(from);
    to[0] = v.x, to[1] = v.y, to[2] = v.z, to[3] = v.w;
  }
  __device__ static void read(const float* from, float (&to)[2]) {
    const float2 v = *reinterpret_cast<const float2*>(from);
    to[0] = v.x, to[1] = v.y;
  }

  int place_, row_, col_, group_;
  float sums_[kSide][kSide] = {};
};

// Running sums in tensor core fragments: one or two 16 x 16 squares per warp.
template <Operand kOperand, int kTile>
class FragmentAccumulator {
  using Layout = TileLayout<kOperand, kTile>;
  using Element = OperandType<kOperand>;
  static constexpr int kSide = 16;
  static constexpr int kPerWarp = kTile == 64 ? 2 : 1;
  static constexpr int kWarps = kTile * kTile / (kSide * kSide * kPerWarp);  // of a group

 public:
  __device__ FragmentAccumulator() {
    const int warp = static_cast<int>(threadIdx.x) / 32;
    const int first = warp % kWarps * kPerWarp;
    group_ = warp / kWarps;
    row_ = first / (kTile / kSide) * kSide;
    col_ = first % (kTile / kSide) * kSide;
    for (int j = 0; j < kPerWarp; ++j) nvcuda::wmma::fill_fragment(sums_[j], 0.0F);
  }

  __device__ void add(const Element* a, const Element* b, int depth) {
    using namespace nvcuda::wmma;
    if (group_ >= Layout::kGroups) return;
    const int begin = group_ * Layout::kGroupDepth;
    const int end = min(depth, begin + Layout::kGroupDepth);
#pragma unroll 1
    for (int k = begin; k < end; k += kSide) {
      fragment<matrix_a, kSide, kSide, kSide, Element, col_major> left;
      load_matrix_sync(left, a + k * Layout::kRow + row_, Layout::kRow);
      for (int j = 0; j < kPerWarp; ++j) {
        fragment<matrix_b, kSide, kSide, kSide, Element, row_major> right;
        load_matrix_sync(right, b + k * Layout::kRow + col_ + j * kSide, Layout::kRow);
        mma_sync(sums_[j], left, right, sums_[j]);
      }
    }
  }

  __device__ void store(float* sums) const {
    if (group_ >= Layout::kGroups) return;
    float* const group = sums + group_ * kTile * Layout::kSumRow;
    for (int j = 0; j < kPerWarp; ++j) {
      nvcuda::wmma::store_matrix_sync(group + row_ * Layout::kSumRow + col_ + j * kSide, sums_[j],
                                      Layout::kSumRow, nvcuda::wmma::mem_row_major);
    }
  }

 private:
  int group_, row_, col_;
  nvcuda::wmma::fragment<nvcuda::wmma::accumulator, kSide, kSide, kSide, float> sums_[kPerWarp];
};

// sums[kGroups][kTile][kSumRow] = A B over depth [begin, end), visible to the whole block. On entry
// nobody uses `memory` any more.
template <Operand kOperand, int kTile, int kBuffers>
__device__ void sum_products(const Product& p, const TilePlace& place, int begin, int end,
                             unsigned char* memory) {
  using Layout = TileLayout<kOperand, kTile>;
  using Element = OperandType<kOperand>;
  auto* const slices = reinterpret_cast<Element*>(memory);
  Carrier<kOperand, kTile> a(p.a, p.scale, place.row, p.rows, begin);
  Carrier<kOperand, kTile> b(p.b, p.scale, place.col, p.cols, begin);
  std::conditional_t<Layout::kTensorCores, FragmentAccumulator<kOperand, kTile>,
                     Accumulator<kOperand, kTile>>
      sums;

  a.fetch(end - begin);
  b.fetch(end - begin);
  a.stage(slices);
  b.stage(slices + Layout::kSlice);
  __syncthreads();
  int now = 0;
#pragma unroll 1
  for (int depth = begin; depth < end; depth += Layout::kDepth) {
    const int left = end - depth - Layout::kDepth;
    if (kBuffers == 2 && left > 0) {  // under way while the slice at hand is used
      a.fetch(left);
      b.fetch(left);
    }
    const Element* const slice = slices + now * 2 * Layout::kSlice;
    sums.add(slice, slice + Layout::kSlice, end - depth);
    if (left > 0) {
      if (kBuffers == 1) {
        __syncthreads();
        a.fetch(left);
        b.fetch(left);
      } else {
        now = 1 - now;
      }
      a.stage(slices + now * 2 * Layout::kSlice);
      b.stage(slices + now * 2 * Layout::kSlice + Layout::kSlice);
    }
    __syncthreads();
  }
  sums.store(reinterpret_cast<float*>(memory));
  __syncthreads();
}

}  // namespace dropmuon::kernels
