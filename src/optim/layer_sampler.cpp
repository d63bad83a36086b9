// SPDX-License-Identifier: MIT
// The sampling schemes. Layers are 0-based here: s in the code is the paper's s - 1.
#include <algorithm>
#include <cmath>
#include <numeric>

#include <dropmuon/core/error.h>
#include <dropmuon/core/random.h>
#include <dropmuon/optim/layer_sampler.h>

namespace dropmuon {
namespace {

constexpr double kMaxAlpha = 1e6;  // far beyond one-hot

using Probabilities = std::vector<double>;

Random random_of(std::uint64_t seed, const StepInfo& info) {
  return {seed, Purpose::sample_layers, static_cast<std::uint64_t>(info.step)};
}

// Suffixes {s..b} with a start drawn from a distribution that may change with the step.
class SuffixSampler : public LayerSampler {
 public:
  SuffixSampler(int depth, std::uint64_t seed) : depth_(depth), seed_(seed) {}

  ActiveSet draw(const StepInfo& info) const override {
    const Probabilities p = start_probabilities(info);
    const double u = random_of(seed_, info).uniform();
    int start = 0;
    double sum = 0.0;
    for (int s = 0; s < depth_; ++s) {
      if (p[static_cast<std::size_t>(s)] == 0.0) continue;
      start = s;  // rounding may leave the sum just below u: then the last possible start is it
      sum += p[static_cast<std::size_t>(s)];
      if (u < sum) break;
    }
    return ActiveSet::suffix(start, depth_);
  }

  Probabilities inclusion_probabilities(const StepInfo& info) const override {
    Probabilities q = start_probabilities(info);
    std::partial_sum(q.begin(), q.end(), q.begin());
    return q;
  }

 protected:
  const int depth_;

 private:
  const std::uint64_t seed_;
};

// full, uniform and weights.
class FixedSuffixSampler final : public SuffixSampler {
 public:
  FixedSuffixSampler(Probabilities weights, std::uint64_t seed)
      : SuffixSampler(static_cast<int>(weights.size()), seed), start_(std::move(weights)) {
    const double total = std::accumulate(start_.begin(), start_.end(), 0.0);
    for (double& p : start_) p /= total;
  }
  Probabilities start_probabilities(const StepInfo& /*info*/) const override { return start_; }

 private:
  Probabilities start_;
};

class EpochShiftSampler final : public SuffixSampler {
 public:
  EpochShiftSampler(double alpha, int depth, std::uint64_t seed)
      : SuffixSampler(depth, seed), alpha_(alpha) {}

  Probabilities start_probabilities(const StepInfo& info) const override {
    const std::int64_t epochs =
        (info.total_steps + info.steps_per_epoch - 1) / info.steps_per_epoch;
    const double last = static_cast<double>(std::max<std::int64_t>(epochs - 1, 1));
    const double r = std::clamp(static_cast<double>(info.epoch()) / last, 0.0, 1.0);
    Probabilities p(static_cast<std::size_t>(depth_));
    for (int i = 0; i < depth_; ++i) {
      p[static_cast<std::size_t>(i)] = alpha_ * ((1.0 - r) * (depth_ - 1 - i) + r * i);
    }
    const double top = *std::max_element(p.begin(), p.end());  // so that nothing overflows
    double sum = 0.0;
    for (double& value : p) sum += value = std::exp(value - top);
    for (double& value : p) value /= sum;
    return p;
  }

 private:
  double alpha_;
};

class TauNiceSampler final : public LayerSampler {
 public:
  TauNiceSampler(int tau, int depth, std::uint64_t seed) : tau_(tau), depth_(depth), seed_(seed) {}

  ActiveSet draw(const StepInfo& info) const override {
    Random random = random_of(seed_, info);
    std::vector<int> layers(static_cast<std::size_t>(depth_));
    std::iota(layers.begin(), layers.end(), 0);
    for (int i = 0; i < tau_; ++i) {  // the first tau places of a Fisher-Yates shuffle
      const auto other = i + static_cast<int>(random.below(static_cast<std::uint32_t>(depth_ - i)));
      std::swap(layers[static_cast<std::size_t>(i)], layers[static_cast<std::size_t>(other)]);
    }
    layers.resize(static_cast<std::size_t>(tau_));
    return ActiveSet::of(layers, depth_);
  }

  // C(b - s, tau - 1) / C(b, tau), built up layer by layer: P(start = s | start >= s) = tau / left.
  Probabilities start_probabilities(const StepInfo& /*info*/) const override {
    Probabilities p(static_cast<std::size_t>(depth_));
    double none_before = 1.0;
    for (int s = 0; s <= depth_ - tau_; ++s) {
      const double now = static_cast<double>(tau_) / (depth_ - s);
      p[static_cast<std::size_t>(s)] = none_before * now;
      none_before *= 1.0 - now;
    }
    return p;
  }

  Probabilities inclusion_probabilities(const StepInfo& /*info*/) const override {
    return Probabilities(static_cast<std::size_t>(depth_), static_cast<double>(tau_) / depth_);
  }

 private:
  int tau_;
  int depth_;
  std::uint64_t seed_;
};

// The probabilities are the frequencies over one cycle.
class CyclicSampler final : public SuffixSampler {
 public:
  CyclicSampler(int depth, std::uint64_t seed) : SuffixSampler(depth, seed) {}

  ActiveSet draw(const StepInfo& info) const override {
    return ActiveSet::suffix(depth_ - 1 - static_cast<int>(info.step % depth_), depth_);
  }
  Probabilities start_probabilities(const StepInfo& /*info*/) const override {
    return Probabilities(static_cast<std::size_t>(depth_), 1.0 / depth_);
  }
};

// Independent layers, given that at least one came up. The first layer of the set is drawn from its
// own distribution and the later ones freely: the same law as drawing again, without a loop that a
// small probability makes endless.
class BernoulliSampler final : public SuffixSampler {
 public:
  BernoulliSampler(double probability, int depth, std::uint64_t seed)
      : SuffixSampler(depth, seed), probability_(probability), seed_(seed) {}

  ActiveSet draw(const StepInfo& info) const override {
    const int first = SuffixSampler::draw(info).first();
    std::vector<int> layers = {first};
    for (int i = first + 1; i < depth_; ++i) {
      Random random(seed_, Purpose::sample_layers, static_cast<std::uint64_t>(info.step),
                    static_cast<std::uint32_t>(i));
      if (random.uniform() < probability_) layers.push_back(i);
    }
    return ActiveSet::of(layers, depth_);
  }

  Probabilities start_probabilities(const StepInfo& /*info*/) const override {
    Probabilities p(static_cast<std::size_t>(depth_));
    double none_before = 1.0;
    for (double& value : p) {
      value = probability_ * none_before / any();
      none_before *= 1.0 - probability_;
    }
    return p;
  }

  Probabilities inclusion_probabilities(const StepInfo& /*info*/) const override {
    return Probabilities(static_cast<std::size_t>(depth_), probability_ / any());
  }

 private:
  // 1 - (1 - q)^b without cancellation for small q.
  double any() const { return -std::expm1(depth_ * std::log1p(-probability_)); }

  double probability_;
  std::uint64_t seed_;
};

Probabilities checked_weights(const SamplingOptions& options, int depth) {
  const Probabilities& weights = options.weights;
  if (weights.size() != static_cast<std::size_t>(depth)) {
    fail(ExitCode::bad_config, "sampling.weights needs one number per layer, {}, not {}", depth,
         weights.size());
  }
  for (const double weight : weights) {
    if (!(weight >= 0.0) || !std::isfinite(weight)) {
      fail(ExitCode::bad_config, "sampling.weights must be finite and not negative, not {}",
           weight);
    }
  }
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  if (!(total > 0.0) || !std::isfinite(total)) {
    fail(ExitCode::bad_config, "sampling.weights must have a positive, finite sum, not {}", total);
  }
  return weights;
}

std::unique_ptr<LayerSampler> make_tau_nice(int tau, int depth, std::uint64_t seed) {
  if (tau < 1 || tau > depth) {
    fail(ExitCode::bad_config, "sampling.tau must be 1 to {} (the number of layers), not {}", depth,
         tau);
  }
  return std::make_unique<TauNiceSampler>(tau, depth, seed);
}

std::unique_ptr<LayerSampler> make_bernoulli(double probability, int depth, std::uint64_t seed) {
  if (!(probability > 0.0 && probability <= 1.0)) {
    fail(ExitCode::bad_config, "sampling.probability must be above 0 and at most 1, not {}",
         probability);
  }
  return std::make_unique<BernoulliSampler>(probability, depth, seed);
}

}  // namespace

std::unique_ptr<LayerSampler> make_layer_sampler(const SamplingOptions& options, int depth,
                                                 std::uint64_t seed) {
  DM_CHECK(depth >= 1 && depth <= ActiveSet::kMaxDepth, "depth {} is not in 1..{}", depth,
           ActiveSet::kMaxDepth);
  Probabilities weights(static_cast<std::size_t>(depth));
  switch (options.scheme) {
    case SamplingScheme::full:
      weights.front() = 1.0;
      return std::make_unique<FixedSuffixSampler>(std::move(weights), seed);
    case SamplingScheme::uniform:
      std::fill(weights.begin(), weights.end(), 1.0);
      return std::make_unique<FixedSuffixSampler>(std::move(weights), seed);
    case SamplingScheme::weights:
      return std::make_unique<FixedSuffixSampler>(checked_weights(options, depth), seed);
    case SamplingScheme::epoch_shift:
      if (!(std::abs(options.alpha) <= kMaxAlpha)) {
        fail(ExitCode::bad_config, "sampling.alpha must be {} to {}, not {}", -kMaxAlpha, kMaxAlpha,
             options.alpha);
      }
      return std::make_unique<EpochShiftSampler>(options.alpha, depth, seed);
    case SamplingScheme::tau_nice:
      return make_tau_nice(options.tau, depth, seed);
    case SamplingScheme::cyclic:
      return std::make_unique<CyclicSampler>(depth, seed);
    case SamplingScheme::bernoulli:
      return make_bernoulli(options.probability, depth, seed);
  }
  fail(ExitCode::internal, "unknown sampling scheme");
}

}  // namespace dropmuon
