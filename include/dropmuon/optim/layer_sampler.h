// SPDX-License-Identifier: MIT
// Which layers move in a step.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <dropmuon/core/active_set.h>
#include <dropmuon/optim/step_info.h>

namespace dropmuon {

enum class SamplingScheme {
  full,         // every layer, every step
  uniform,      // suffix {s..b}, s uniform on 1..b  (randomized progressive training)
  weights,      // suffix {s..b}, P(s) proportional to the user's table
  epoch_shift,  // the paper's appendix gives no formula; this one ends where it mirrors its start:
                // suffix, P(s = i) ~ exp(alpha [(1-r)(b-i) + r(i-1)]), r = epoch / (epochs - 1)
  tau_nice,     // tau layers, uniformly without replacement
  cyclic,       // suffixes s = b, b-1, .., 1, b, ..
  bernoulli,    // each layer with probability q, drawn again if none came up
};

// yes: backpropagation stops at the first active layer. no: the full backward pass is computed and
// only the update is masked, which isolates the statistical effect from the saved time.
enum class Truncate { no, yes };

struct SamplingOptions {
  SamplingScheme scheme = SamplingScheme::uniform;
  Truncate truncate = Truncate::yes;
  std::vector<double> weights;  // weights: one per layer, first layer first, not all zero
  double alpha = 0.5;           // epoch_shift
  int tau = 1;                  // tau_nice
  double probability = 0.5;     // bernoulli
};

// A pure function of (seed, step, progress): drawing never changes state, so resuming and replaying
// need nothing saved.
class LayerSampler {
 public:
  virtual ~LayerSampler() = default;
  virtual ActiveSet draw(const StepInfo& info) const = 0;

  // P(min S = s) for s = 0..depth-1 at this point of training: what backpropagation costs.
  virtual std::vector<double> start_probabilities(const StepInfo& info) const = 0;

  // P(i in S) for each layer.
  virtual std::vector<double> inclusion_probabilities(const StepInfo& info) const = 0;
};

// Throws Error(bad_config) naming the sampling key that does not fit `depth`.
std::unique_ptr<LayerSampler> make_layer_sampler(const SamplingOptions& options, int depth,
                                                 std::uint64_t seed);

}  // namespace dropmuon
