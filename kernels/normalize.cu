// SPDX-License-Identifier: MIT
#include "device/items.h"
#include "device/language.h"
#include "device/pack.h"
#include "device/reduce.h"
#include "normalize.h"

namespace dropmuon::kernels {
namespace {

constexpr int kWarps = kThreads / 32;
constexpr int kColumns = 32;  // columns a block takes at a time, a cache line of floats

// A euclidean item's sum of squares is in partials[first_partial] ... of the first launch.
struct Work {
  SimpleNorm norm;
  int rows, cols;
  const float* in;
  float* out;
  int first_partial, partial_count;

  __host__ __device__ std::size_t size() const {
    return static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols);
  }
};

// A double, since the inverse of a norm need not fit into a float.
__device__ __forceinline__ double inverse_norm(double sum_of_squares) {
  return sum_of_squares == 0.0 ? 0.0 : 1.0 / sqrt(sum_of_squares);
}

struct Squares {
  const float* in;
  double sum;

  template <int V>
  __device__ __forceinline__ void apply(std::size_t i) {
    const Pack<V> x = load<V>(in + i);
    for (int k = 0; k < V; ++k) sum += static_cast<double>(x.v[k]) * static_cast<double>(x.v[k]);
  }
};

struct Sign {
  const float* in;
  float* out;

  template <int V>
  __device__ __forceinline__ void apply(std::size_t i) const {
    Pack<V> x = load<V>(in + i);
    for (int k = 0; k < V; ++k) x.v[k] = x.v[k] == 0.0F ? 0.0F : copysignf(1.0F, x.v[k]);
    store<V>(out + i, x);
  }
};

struct Scale {
  const float* in;
  float* out;
  double factor;

  template <int V>
  __device__ __forceinline__ void apply(std::size_t i) const {
    Pack<V> x = load<V>(in + i);
    for (int k = 0; k < V; ++k) {
      x.v[k] = static_cast<float>(static_cast<double>(x.v[k]) * factor);
    }
    store<V>(out + i, x);
  }
};

__global__ void __launch_bounds__(kThreads, kBlocksPerProcessor)
    normalize_squares_kernel(const ItemTable<Work> table, double* partials) {
  SHARED(double[kWarps], staging);
  const Share share = block_share(table);
  const Work& work = table.items[share.item];
  Squares squares{work.in, 0.0};
  for_elements(share, work.size(), aligned16(work.in), squares);
  const double sum = block_sum<kWarps>(squares.sum, staging);
  if (threadIdx.x == 0) partials[blockIdx.x] = sum;
}

// Every warp adds up the partial sums for itself, in the same order.
__device__ __forceinline__ double item_factor(const Work& work, const double* partials) {
  double sum = 0.0;
  for (int p = static_cast<int>(threadIdx.x % 32); p < work.partial_count; p += 32) {
    sum += partials[work.first_partial + p];
  }
  return inverse_norm(warp_sum(sum));
}

__device__ __forceinline__ void unit_rows(const Share& share, const Work& work) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  const std::size_t stride = static_cast<std::size_t>(share.blocks) * kWarps;
  const std::size_t rows = static_cast<std::size_t>(work.rows);
  for (std::size_t r = static_cast<std::size_t>(share.block) * kWarps + threadIdx.x / 32; r < rows;
       r += stride) {
    const std::size_t offset = r * static_cast<std::size_t>(work.cols);
    const float* in = work.in + offset;
    float* out = work.out + offset;
    double sum = 0.0;
    for (int c = lane; c < work.cols; c += 32) {
      sum += static_cast<double>(in[c]) * static_cast<double>(in[c]);
    }
    const double factor = inverse_norm(warp_sum(sum));
    for (int c = lane; c < work.cols; c += 32) {
      out[c] = static_cast<float>(static_cast<double>(in[c]) * factor);
    }
  }
}

__device__ __forceinline__ void unit_columns(const Share& share, const Work& work,
                                             double* staging) {
  const int width = min(work.cols, kColumns);
  const int lanes = kThreads / width;
  const int lane = static_cast<int>(threadIdx.x) / width;
  const int groups = (work.cols + width - 1) / width;
  const std::size_t cols = static_cast<std::size_t>(work.cols);
  for (int g = static_cast<int>(share.block); g < groups; g += static_cast<int>(share.blocks)) {
    const int column = g * width + static_cast<int>(threadIdx.x) % width;
    const bool active = lane < lanes && column < work.cols;
    double sum = 0.0;
    if (active) {
#pragma unroll 4
      for (int r = lane; r < work.rows; r += lanes) {
        const double x = work.in[static_cast<std::size_t>(r) * cols + column];
        sum += x * x;
      }
    }
    staging[threadIdx.x] = sum;
    __syncthreads();
    sum = 0.0;
    for (int l = 0; l < lanes; ++l)
      sum += staging[l * width + static_cast<int>(threadIdx.x) % width];
    const double factor = inverse_norm(sum);
    if (active) {
      for (int r = lane; r < work.rows; r += lanes) {
        const std::size_t i = static_cast<std::size_t>(r) * cols + column;
        work.out[i] = static_cast<float>(static_cast<double>(work.in[i]) * factor);
      }
    }
    __syncthreads();  // before the next group overwrites the staging
  }
}

__global__ void __launch_bounds__(kThreads, kBlocksPerProcessor)
    normalize_kernel(const ItemTable<Work> table, const double* partials) {
  SHARED(double[kThreads], staging);
  const Share share = block_share(table);
  const Work& work = table.items[share.item];
  const bool aligned = aligned16(work.in) && aligned16(work.out);
  switch (work.norm) {
    case SimpleNorm::max_abs: {
      const Sign sign{work.in, work.out};
      for_elements(share, work.size(), aligned, sign);
      break;
    }
    case SimpleNorm::euclidean: {
      const Scale scale{work.in, work.out, item_factor(work, partials)};
      for_elements(share, work.size(), aligned, scale);
      break;
    }
    case SimpleNorm::column:
      unit_columns(share, work, staging);
      break;
    case SimpleNorm::row:
      unit_rows(share, work);
      break;
  }
}

std::size_t ceil_div(std::size_t a, std::size_t b) { return (a + b - 1) / b; }

std::size_t blocks_worth_having(const Work& work) {
  switch (work.norm) {
    case SimpleNorm::column:
      return ceil_div(static_cast<std::size_t>(work.cols), kColumns);
    case SimpleNorm::row:
      return ceil_div(static_cast<std::size_t>(work.rows), kWarps);
    default:
      return element_blocks(work.size());
  }
}

static_assert(sizeof(ItemTable<Work>) + 64 <= 4096, "kernel arguments are limited to 4 KiB");

cudaError_t sum_squares(ItemTable<Work>& table, std::size_t max_blocks, double* partials,
                        cudaStream_t stream) {
  ItemTable<Work> long_ones{};
  std::size_t work[kMaxItems];
  for (int i = 0; i < table.count; ++i) {
    if (table.items[i].norm != SimpleNorm::euclidean) continue;
    work[long_ones.count] = blocks_worth_having(table.items[i]);
    long_ones.items[long_ones.count++] = table.items[i];
  }
  if (long_ones.count == 0) return cudaSuccess;
  share_blocks(long_ones, work, max_blocks);
  int k = 0;
  for (int i = 0; i < table.count; ++i) {
    if (table.items[i].norm != SimpleNorm::euclidean) continue;
    table.items[i].first_partial = long_ones.first_block[k];
    table.items[i].partial_count = long_ones.first_block[k + 1] - long_ones.first_block[k];
    ++k;
  }
  return launch(normalize_squares_kernel, long_ones.blocks(), kThreads, 0, stream, long_ones,
                partials);
}

cudaError_t run_table(ItemTable<Work>& table, std::size_t max_partials, double* partials,
                      cudaStream_t stream) {
  if (const cudaError_t error = sum_squares(table, max_partials, partials, stream);
      error != cudaSuccess) {
    return error;
  }
  std::size_t work[kMaxItems];
  for (int i = 0; i < table.count; ++i) work[i] = blocks_worth_having(table.items[i]);
  share_blocks(table, work, kMaxBlocks);
  return launch(normalize_kernel, table.blocks(), kThreads, 0, stream, table, partials);
}

}  // namespace

cudaError_t normalize(std::span<const NormalizeItem> items, const Scratch& scratch,
                      cudaStream_t stream) {
  const std::size_t max_partials = std::min<std::size_t>(kMaxBlocks, scratch.float_count / 2);
  for (const NormalizeItem& item : items) {
    if (item.matrix.rows < 1 || item.matrix.cols < 1) return cudaErrorInvalidValue;
    if (item.norm == SimpleNorm::euclidean && max_partials == 0) return cudaErrorInvalidValue;
  }
  auto* partials = reinterpret_cast<double*>(scratch.floats);
  for (std::size_t i = 0; i < items.size();) {
    ItemTable<Work> table{};
    std::size_t euclidean = 0;
    while (i < items.size() && table.count < kMaxItems) {
      const auto& [norm, matrix] = items[i];
      if (norm == SimpleNorm::euclidean && euclidean++ == max_partials) break;
      table.items[table.count++] = {norm, matrix.rows, matrix.cols, matrix.in, matrix.out, 0, 0};
      ++i;
    }
    if (const cudaError_t error = run_table(table, max_partials, partials, stream);
        error != cudaSuccess) {
      return error;
    }
  }
  return cudaSuccess;
}

}  // namespace dropmuon::kernels
