// SPDX-License-Identifier: MIT
#include "device/items.h"
#include "device/language.h"
#include "device/pack.h"
#include "momentum.h"

namespace dropmuon::kernels {
namespace {

struct Update {
  MomentumItem item;
  MomentumRule rule;

  template <int V>
  __device__ __forceinline__ void apply(std::size_t i) const {
    Pack<V> g = load<V>(item.grad + i);
    if (rule.coupled_decay != 0.0F) {
      const Pack<V> w = load<V>(item.value + i);
      for (int k = 0; k < V; ++k) g.v[k] += rule.coupled_decay * w.v[k];
    }
    Pack<V> m = load<V>(item.momentum + i);
    for (int k = 0; k < V; ++k) m.v[k] = rule.mu * m.v[k] + rule.grad_weight * g.v[k];
    store<V>(item.momentum + i, m);
    if (item.direction == item.momentum) return;
    if (rule.nesterov != Nesterov::no) {  // "== yes" takes eight registers more on sm_90
      for (int k = 0; k < V; ++k) m.v[k] = rule.mu * m.v[k] + rule.grad_weight * g.v[k];
    }
    store<V>(item.direction + i, m);
  }
};

__global__ void __launch_bounds__(kThreads, kBlocksPerProcessor)
    momentum_kernel(const ItemTable<MomentumItem> table, const MomentumRule rule) {
  const Share share = block_share(table);
  const Update update{table.items[share.item], rule};
  const MomentumItem& item = update.item;
  const bool aligned = aligned16(item.grad) && aligned16(item.momentum) &&
                       aligned16(item.direction) &&
                       (rule.coupled_decay == 0.0F || aligned16(item.value));
  for_elements(share, item.size, aligned, update);
}

}  // namespace

cudaError_t update_momentum(std::span<const MomentumItem> items, const MomentumRule& rule,
                            cudaStream_t stream) {
  for (const MomentumItem& item : items) {
    const bool aliased = item.direction == item.momentum;
    if (rule.nesterov == Nesterov::yes && aliased) return cudaErrorInvalidValue;
  }
  return for_tables(items, kMaxBlocks, [&](const ItemTable<MomentumItem>& table) {
    return launch(momentum_kernel, table.blocks(), kThreads, 0, stream, table, rule);
  });
}

}  // namespace dropmuon::kernels
