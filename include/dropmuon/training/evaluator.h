// SPDX-License-Identifier: MIT
// Loss and accuracy of the weights as they stand.
#pragma once

#include <functional>
#include <vector>

#include <dropmuon/dataset/batcher.h>
#include <dropmuon/engine/network.h>

namespace dropmuon {

struct Evaluation {
  double loss = 0.0;      // mean cross-entropy
  double accuracy = 0.0;  // correct / count
};

// Whether to go on with the next micro-batch.
enum class Look { on, no_further };

// Evaluates always on the same images of one split.
class Evaluator {
 public:
  // `indices`: which images. `micro_batch` and count % micro_batch must be sizes the network is
  // prepared for.
  Evaluator(Backend& backend, DeviceSplit& split, const std::vector<std::int32_t>& indices,
            int micro_batch);
  Evaluation run(Network& network);

  // One forward pass after the other over the images, with look(n) after each of n images. `kept`
  // as for Network::forward.
  void for_each_batch(Network& network, const ActiveSet* kept,
                      const std::function<Look(int n)>& look);
  int count() const { return static_cast<int>(indices_.size()); }

 private:
  Backend& backend_;
  DeviceSplit& split_;
  int micro_batch_;
  Buffer<std::int32_t> indices_;
  Buffer<std::uint8_t> labels_;
  Buffer<LossSums> sums_;
};

// min(limit, count) indices; all in order if limit >= count, else a sample fixed by the seed.
std::vector<std::int32_t> evaluation_sample(int count, int limit, std::uint64_t seed);

}  // namespace dropmuon
