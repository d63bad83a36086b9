// SPDX-License-Identifier: MIT
#include "device/item_sums.h"
#include "device/items.h"
#include "device/language.h"
#include "device/pack.h"
#include "dual_norms.h"

namespace dropmuon::kernels {
namespace {

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

struct StoreResult {
  __device__ __forceinline__ void operator()(const DualNormItem& item, double sum) const {
    *item.result = static_cast<float>(sum);
  }
};

__global__ void __launch_bounds__(kThreads, kBlocksPerProcessor)
    dual_norms_kernel(const ItemTable<DualNormItem> table, const ItemSums sums) {
  SHARED(double[kSumWarps], staging);
  const Share share = block_share(table);
  const DualNormItem& item = table.items[share.item];
  Product product{item.in, item.direction, 0.0};
  for_elements(share, item.size, aligned16(item.in) && aligned16(item.direction), product);
  sum_by_item(table, product.sum, sums, staging, StoreResult{});
}

}  // namespace

cudaError_t dual_norms(std::span<const DualNormItem> items, const Scratch& scratch,
                       cudaStream_t stream) {
  const std::size_t max_blocks = sum_blocks(scratch);
  if (max_blocks == 0) return cudaErrorInvalidValue;
  return for_tables(items, max_blocks, [&](const ItemTable<DualNormItem>& table) {
    return launch(dual_norms_kernel, table.blocks(), kThreads, 0, stream, table,
                  item_sums(scratch));
  });
}

}  // namespace dropmuon::kernels
