// SPDX-License-Identifier: MIT
#include <algorithm>

#include <dropmuon/training/micro_batch.h>

namespace dropmuon {

int choose_micro_batch(int requested, int batch_size, std::size_t busiest_layer_bytes,
                       std::size_t cache_bytes) {
  if (requested > 0) return std::min(requested, batch_size);
  // Fewer than 8 images leave the matrix kernels without rows to work on, cache or not.
  constexpr int kSmallest = 8;
  const auto fitting = static_cast<int>(
      std::min<std::size_t>(cache_bytes / std::max<std::size_t>(busiest_layer_bytes, 1), 1U << 20));
  const int largest = std::clamp(fitting, kSmallest, std::max(batch_size, kSmallest));
  const int pieces = (batch_size + largest - 1) / largest;
  return (batch_size + pieces - 1) / pieces;
}

std::size_t busiest_layer_bytes(const Network& network) {
  std::size_t most = 0;
  for (int i = 0; i < network.depth(); ++i) {
    const Layer& layer = network.layer(i);
    most = std::max(
        most, layer.input_shape().size() + layer.scratch_floats(1) + layer.output_shape().size());
  }
  return most * sizeof(float);
}

std::vector<int> micro_batch_sizes(int micro_batch, const std::vector<int>& totals) {
  std::vector<int> sizes = {micro_batch};
  for (const int total : totals) {
    const int rest = total % micro_batch;
    if (rest != 0 && std::find(sizes.begin(), sizes.end(), rest) == sizes.end()) {
      sizes.push_back(rest);
    }
  }
  return sizes;
}

}  // namespace dropmuon
