// SPDX-License-Identifier: MIT
#include "apply_update.h"
#include "device/items.h"
#include "device/language.h"
#include "device/pack.h"

namespace dropmuon::kernels {
namespace {

struct Update {
  float* value;
  const float* direction;
  float keep;
  float step;

  template <int V>
  __device__ __forceinline__ void apply(std::size_t i) const {
    Pack<V> w = load<V>(value + i);
    const Pack<V> d = load<V>(direction + i);
    for (int k = 0; k < V; ++k) w.v[k] = w.v[k] * keep - step * d.v[k];
    store<V>(value + i, w);
  }
};

__global__ void __launch_bounds__(kThreads, kBlocksPerProcessor)
    apply_update_kernel(const ItemTable<UpdateItem> table) {
  const Share share = block_share(table);
  const UpdateItem& item = table.items[share.item];
  const float dual_norm = item.dual_norm != nullptr ? *item.dual_norm : 1.0F;
  const float keep = item.keep != nullptr ? *item.keep : 1.0F;
  const Update update{item.value, item.direction, keep,
                      item.scale * *item.learning_rate * dual_norm};
  for_elements(share, item.size, aligned16(item.value) && aligned16(item.direction), update);
}

}  // namespace

cudaError_t apply_update(const UpdateItem* items, int count, cudaStream_t stream) {
  return for_tables(items, count, kMaxBlocks, [&](const ItemTable<UpdateItem>& table) {
    return launch(apply_update_kernel, table.blocks(), kThreads, 0, stream, table);
  });
}

}  // namespace dropmuon::kernels
