// SPDX-License-Identifier: MIT
#include "apply_update.h"
#include "device/item_sums.h"
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
  double squares;  // of new value minus old, over all elements so far

  template <int V>
  __device__ __forceinline__ void apply(std::size_t i) {
    Pack<V> w = load<V>(value + i);
    const Pack<V> d = load<V>(direction + i);
    for (int k = 0; k < V; ++k) {
      const float old = w.v[k];
      w.v[k] = old * keep - step * d.v[k];
      const double moved = static_cast<double>(w.v[k]) - static_cast<double>(old);
      squares += moved * moved;
    }
    store<V>(value + i, w);
  }
};

__global__ void __launch_bounds__(kThreads, kBlocksPerProcessor)
    apply_update_kernel(const ItemTable<UpdateItem> table, const ItemSums sums) {
  SHARED(double[kSumWarps], staging);
  const Share share = block_share(table);
  const UpdateItem& item = table.items[share.item];
  const float dual_norm = item.dual_norm != nullptr ? *item.dual_norm : 1.0F;
  const float keep = item.keep != nullptr ? *item.keep : 1.0F;
  Update update{item.value, item.direction, keep, item.scale * *item.learning_rate * dual_norm,
                0.0};
  for_elements(share, item.size, aligned16(item.value) && aligned16(item.direction), update);
  sum_by_item(table, update.squares, sums, staging, NoteChange{});
}

}  // namespace

cudaError_t apply_update(std::span<const UpdateItem> items, const Scratch& scratch,
                         cudaStream_t stream) {
  const std::size_t max_blocks = sum_blocks(scratch);
  if (max_blocks == 0) return cudaErrorInvalidValue;
  return for_tables(items, max_blocks, [&](const ItemTable<UpdateItem>& table) {
    return launch(apply_update_kernel, table.blocks(), kThreads, 0, stream, table,
                  item_sums(scratch));
  });
}

}  // namespace dropmuon::kernels
