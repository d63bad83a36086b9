// SPDX-License-Identifier: MIT
#include "apply_adam.h"
#include "device/item_sums.h"
#include "device/items.h"
#include "device/language.h"
#include "device/pack.h"

namespace dropmuon::kernels {
namespace {

struct Update {
  AdamItem item;
  AdamRule rule;
  AdamScalars scalars;
  double squares;  // of new value minus old, over all elements so far

  template <int V>
  __device__ __forceinline__ void apply(std::size_t i) {
    const Pack<V> g = load<V>(item.grad + i);
    Pack<V> m = load<V>(item.first + i);
    Pack<V> v = load<V>(item.second + i);
    Pack<V> w = load<V>(item.value + i);
    for (int k = 0; k < V; ++k) {
      m.v[k] = rule.beta1 * m.v[k] + rule.first_weight * g.v[k];
      v.v[k] = rule.beta2 * v.v[k] + rule.second_weight * g.v[k] * g.v[k];
      const float step = m.v[k] * scalars.first_correction /
                         (sqrtf(v.v[k] * scalars.second_correction) + rule.epsilon);
      const float old = w.v[k];
      w.v[k] = old * scalars.keep - scalars.learning_rate * step;
      const double moved = static_cast<double>(w.v[k]) - static_cast<double>(old);
      squares += moved * moved;
    }
    store<V>(item.first + i, m);
    store<V>(item.second + i, v);
    store<V>(item.value + i, w);
  }
};

__global__ void __launch_bounds__(kThreads, kBlocksPerProcessor)
    apply_adam_kernel(const ItemTable<AdamItem> table, const AdamRule rule, const ItemSums sums) {
  SHARED(double[kSumWarps], staging);
  const Share share = block_share(table);
  const AdamItem& item = table.items[share.item];
  Update update{item, rule, *item.scalars, 0.0};
  const bool aligned = aligned16(item.value) && aligned16(item.grad) && aligned16(item.first) &&
                       aligned16(item.second);
  for_elements(share, item.size, aligned, update);
  sum_by_item(table, update.squares, sums, staging, NoteChange{});
}

}  // namespace

cudaError_t apply_adam(std::span<const AdamItem> items, const AdamRule& rule,
                       const Scratch& scratch, cudaStream_t stream) {
  const std::size_t max_blocks = sum_blocks(scratch);
  if (max_blocks == 0) return cudaErrorInvalidValue;
  return for_tables(items, max_blocks, [&](const ItemTable<AdamItem>& table) {
    return launch(apply_adam_kernel, table.blocks(), kThreads, 0, stream, table, rule,
                  item_sums(scratch));
  });
}

}  // namespace dropmuon::kernels
