// SPDX-License-Identifier: MIT
// How a batch is cut so that a piece's activations stay in the processor's cache.
#pragma once

#include <cstddef>
#include <vector>

#include <dropmuon/engine/network.h>

namespace dropmuon {

// The largest cut of `batch_size` into equal pieces (the last may be smaller) whose busiest layer
// fits `cache_bytes`; requested > 0 is taken as it is, but never more than batch_size.
int choose_micro_batch(int requested, int batch_size, std::size_t busiest_layer_bytes,
                       std::size_t cache_bytes);

// Bytes per image that the busiest layer touches: its input, its scratch and its output.
std::size_t busiest_layer_bytes(const Network& network);

// micro_batch and every remainder that the given totals leave.
std::vector<int> micro_batch_sizes(int micro_batch, const std::vector<int>& totals);

}  // namespace dropmuon
