// SPDX-License-Identifier: MIT
#include <dropmuon/engine/cost.h>

namespace dropmuon {

double step_flops_per_image(const std::vector<LayerCost>& layers, const ActiveSet& computed) {
  double flops = 0.0;
  for (int i = 0; i < computed.depth(); ++i) {
    const LayerCost& layer = layers[static_cast<std::size_t>(i)];
    flops += layer.forward_flops;
    if (computed.contains(i)) flops += layer.filter_gradient_flops;
    if (i >= computed.first()) flops += layer.inner_data_gradient_flops;
    if (i > computed.first()) flops += layer.data_gradient_flops;
  }
  return flops;
}

double computed_flops_per_image(const std::vector<LayerCost>& layers, const ActiveSet& computed) {
  std::vector<LayerCost> done = layers;
  for (LayerCost& layer : done) {
    layer.forward_flops -= layer.skipped_flops;
    layer.filter_gradient_flops -= layer.skipped_flops;
    layer.data_gradient_flops -= layer.skipped_flops;
  }
  return step_flops_per_image(done, computed);
}

double saved_bytes_per_image(const std::vector<LayerCost>& layers, const ActiveSet& computed) {
  double bytes = 0.0;
  for (int i = computed.first(); i < computed.depth(); ++i) {
    bytes += layers[static_cast<std::size_t>(i)].saved_bytes;
  }
  return bytes;
}

}  // namespace dropmuon
