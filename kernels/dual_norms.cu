// SPDX-License-Identifier: MIT
#include "device/items.h"
#include "device/language.h"
#include "device/pack.h"
#include "device/reduce.h"
#include "dual_norms.h"

namespace dropmuon::kernels {
namespace {

constexpr int kWarps = kThreads / 32;

struct Product {
  const float* in;
  const float* direction;
  double sum;

  template <int V>
  __device__ __forceinline__ void apply(std::size_t i) {
    const Pack<V> a = load<V>(in + i);
    const Pack<V> b = load<V>(direction + i);
    for (int k = 0; k < V; ++k) {
      sum += static_cast<double>(a.v[k]) * static_cast<double>(b.v[k]);
    }
  }
};

// Every block leaves one partial sum; the last block adds up each item's, a warp per item.
__global__ void __launch_bounds__(kThreads, kBlocksPerProcessor)
    dual_norms_kernel(const ItemTable<DualNormItem> table, double* partials, unsigned* counter) {
  SHARED(double[kWarps], staging);
  const Share share = block_share(table);
  const DualNormItem& item = table.items[share.item];
  Product product{item.in, item.direction, 0.0};
  for_elements(share, item.size, aligned16(item.in) && aligned16(item.direction), product);
  const double sum = block_sum<kWarps>(product.sum, staging);
  if (threadIdx.x == 0) partials[blockIdx.x] = sum;
  if (!last_block(counter, gridDim.x)) return;
  const int lane = static_cast<int>(threadIdx.x % 32);
  for (int i = static_cast<int>(threadIdx.x / 32); i < table.count; i += kWarps) {
    double total = 0.0;
    for (int b = table.first_block[i] + lane; b < table.first_block[i + 1]; b += 32) {
      total += __ldcg(partials + b);
    }
    total = warp_sum(total);
    if (lane == 0) *table.items[i].result = static_cast<float>(total);
  }
}

}  // namespace

cudaError_t dual_norms(const DualNormItem* items, int count, const Scratch& scratch,
                       cudaStream_t stream) {
  const std::size_t max_blocks = std::min<std::size_t>(kMaxBlocks, scratch.float_count / 2);
  if (max_blocks == 0 || scratch.counter_count < 1) return cudaErrorInvalidValue;
  auto* partials = reinterpret_cast<double*>(scratch.floats);
  return for_tables(items, count, max_blocks, [&](const ItemTable<DualNormItem>& table) {
    return launch(dual_norms_kernel, table.blocks(), kThreads, 0, stream, table, partials,
                  scratch.counters);
  });
}

}  // namespace dropmuon::kernels
