// SPDX-License-Identifier: MIT
#include <cmath>

#include "catch.h"
#include <dropmuon/core/error.h>
#include <dropmuon/optim/layer_sampler.h>

using namespace dropmuon;

namespace {

constexpr std::int64_t kDraws = 100000;
constexpr std::int64_t kEpochs = 11;

StepInfo at(std::int64_t step) { return {.step = step, .total_steps = kDraws}; }
StepInfo at_epoch(std::int64_t epoch, std::int64_t epochs = kEpochs) {
  return {.step = epoch * 10, .total_steps = epochs * 10, .steps_per_epoch = 10};
}

std::unique_ptr<LayerSampler> sampler(const SamplingOptions& options, int depth,
                                      std::uint64_t seed = 1) {
  return make_layer_sampler(options, depth, seed);
}

struct Counts {
  explicit Counts(std::size_t depth) : start(depth), inside(depth) {}
  std::vector<double> start;
  std::vector<double> inside;
  double size = 0.0;
};

Counts count_draws(const LayerSampler& sampler, int depth) {
  Counts counts(static_cast<std::size_t>(depth));
  for (std::int64_t step = 0; step < kDraws; ++step) {
    const ActiveSet set = sampler.draw(at(step));
    counts.start[static_cast<std::size_t>(set.first())] += 1.0;
    counts.size += set.count();
    for (int i = 0; i < depth; ++i) {
      counts.inside[static_cast<std::size_t>(i)] += set.contains(i) ? 1.0 : 0.0;
    }
  }
  return counts;
}

// Pearson's statistic of the start layers.
double chi_square(const Counts& counts, const std::vector<double>& probabilities) {
  double sum = 0.0;
  for (std::size_t i = 0; i < probabilities.size(); ++i) {
    const double expected = probabilities[i] * kDraws;
    if (expected == 0.0) {
      CHECK(counts.start[i] == 0.0);
      continue;
    }
    sum += (counts.start[i] - expected) * (counts.start[i] - expected) / expected;
  }
  return sum;
}

constexpr double kCritical3 = 16.266;  // chi-square, 3 degrees of freedom, p = 1e-3

void check_near(const std::vector<double>& found, const std::vector<double>& expected,
                double tolerance) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    CAPTURE(i);
    CHECK(std::abs(found[i] - expected[i]) <= tolerance);
  }
}

std::vector<double> fractions(std::vector<double> counts) {
  for (double& count : counts) count /= kDraws;
  return counts;
}

std::vector<double> epoch_shift(double alpha, const StepInfo& info, int depth = 3) {
  return sampler({.scheme = SamplingScheme::epoch_shift, .alpha = alpha}, depth)
      ->start_probabilities(info);
}

}  // namespace

TEST_CASE("oracle 18: uniform draws include layer i of 4 with probability i / 4", "[sampler]") {
  const auto uniform = sampler({}, 4);
  const Counts counts = count_draws(*uniform, 4);
  check_near(fractions(counts.inside), {0.25, 0.5, 0.75, 1.0}, 0.005);
  CHECK(std::abs(counts.size / kDraws - 2.5) <= 0.01);
  CHECK(chi_square(counts, {0.25, 0.25, 0.25, 0.25}) < kCritical3);
  check_near(uniform->inclusion_probabilities(at(0)), {0.25, 0.5, 0.75, 1.0}, 1e-15);
}

TEST_CASE("oracle 18: weighted draws follow their table and are suffixes", "[sampler]") {
  const auto weighted = sampler({.scheme = SamplingScheme::weights, .weights = {1, 4, 2, 3}}, 4);
  const std::vector<double> p = {0.1, 0.4, 0.2, 0.3};
  check_near(weighted->start_probabilities(at(0)), p, 1e-15);
  check_near(weighted->inclusion_probabilities(at(0)), {0.1, 0.5, 0.7, 1.0}, 1e-15);
  CHECK(chi_square(count_draws(*weighted, 4), p) < kCritical3);
  for (std::int64_t step = 0; step < 1000; ++step) {
    const ActiveSet set = weighted->draw(at(step));
    CHECK(set == ActiveSet::suffix(set.first(), 4));
  }
}

TEST_CASE("oracle 19: epoch-shift moves the start from the first layers to the last", "[sampler]") {
  check_near(epoch_shift(0.5, at_epoch(0)), {0.506, 0.307, 0.186}, 5e-4);
  check_near(epoch_shift(0.5, at_epoch(5)), {1.0 / 3, 1.0 / 3, 1.0 / 3}, 1e-12);
  check_near(epoch_shift(0.5, at_epoch(10)), {0.186, 0.307, 0.506}, 5e-4);
  check_near(epoch_shift(1.0, at_epoch(0)), {0.665, 0.245, 0.090}, 5e-4);
  check_near(epoch_shift(2.0, at_epoch(0)), {0.867, 0.117, 0.016}, 5e-4);
  for (std::int64_t e = 0; e < kEpochs; ++e) {
    check_near(epoch_shift(0.0, at_epoch(e)), {1.0 / 3, 1.0 / 3, 1.0 / 3}, 1e-12);
    std::vector<double> mirrored = epoch_shift(0.7, at_epoch(kEpochs - 1 - e));
    std::reverse(mirrored.begin(), mirrored.end());
    check_near(epoch_shift(0.7, at_epoch(e)), mirrored, 1e-12);
  }
}

TEST_CASE("oracle 19: epoch-shift with a huge alpha, one epoch, or past the end", "[sampler]") {
  check_near(epoch_shift(1e4, at_epoch(4)), {1.0, 0.0, 0.0}, 1e-12);
  check_near(epoch_shift(1e4, at_epoch(6)), {0.0, 0.0, 1.0}, 1e-12);
  check_near(epoch_shift(1e4, at_epoch(5)), {1.0 / 3, 1.0 / 3, 1.0 / 3}, 1e-12);
  check_near(epoch_shift(0.5, at_epoch(0, 1)), epoch_shift(0.5, at_epoch(0)), 1e-12);
  check_near(epoch_shift(0.5, at_epoch(25)), epoch_shift(0.5, at_epoch(10)), 1e-12);
}

TEST_CASE("oracle 20: tau-nice draws tau layers, each equally often", "[sampler]") {
  const auto tau2 = sampler({.scheme = SamplingScheme::tau_nice, .tau = 2}, 4);
  for (std::int64_t step = 0; step < 1000; ++step) CHECK(tau2->draw(at(step)).count() == 2);
  const std::vector<double> start = {0.5, 1.0 / 3, 1.0 / 6, 0.0};
  check_near(tau2->start_probabilities(at(0)), start, 1e-15);
  check_near(tau2->inclusion_probabilities(at(0)), {0.5, 0.5, 0.5, 0.5}, 1e-15);
  const Counts counts = count_draws(*tau2, 4);
  check_near(fractions(counts.inside), {0.5, 0.5, 0.5, 0.5}, 0.005);
  CHECK(chi_square(counts, start) < 13.816);  // 2 degrees of freedom, p = 1e-3
}

TEST_CASE("oracle 20: the start of a tau-nice draw has probability C(b-s, tau-1) / C(b, tau)",
          "[sampler]") {
  const auto choose = [](int n, int k) {
    double value = 1.0;
    for (int i = 0; i < k; ++i) value = value * (n - i) / (i + 1);
    return k > n ? 0.0 : value;
  };
  for (const int depth : {1, 5, 64}) {
    for (int tau = 1; tau <= depth; tau += 3) {
      const auto p = sampler({.scheme = SamplingScheme::tau_nice, .tau = tau}, depth)
                         ->start_probabilities(at(0));
      for (int s = 1; s <= depth; ++s) {
        CHECK(p[static_cast<std::size_t>(s - 1)] ==
              Approx(choose(depth - s, tau - 1) / choose(depth, tau)).margin(1e-12));
      }
    }
  }
}

TEST_CASE("oracle 21: three ways to say that every layer moves", "[sampler]") {
  const auto full = sampler({.scheme = SamplingScheme::full}, 5);
  const auto one_hot = sampler({.scheme = SamplingScheme::weights, .weights = {1, 0, 0, 0, 0}}, 5);
  const auto tau = sampler({.scheme = SamplingScheme::tau_nice, .tau = 5}, 5);
  const auto last = sampler({.scheme = SamplingScheme::weights, .weights = {0, 0, 0, 0, 1}}, 5);
  for (std::int64_t step = 0; step < 2000; ++step) {
    CHECK(full->draw(at(step)) == ActiveSet::all(5));
    CHECK(one_hot->draw(at(step)) == ActiveSet::all(5));
    CHECK(tau->draw(at(step)) == ActiveSet::all(5));
    CHECK(last->draw(at(step)) == ActiveSet::suffix(4, 5));
  }
}

TEST_CASE("oracle 21: a draw depends on seed and step alone", "[sampler]") {
  for (const SamplingScheme scheme : {SamplingScheme::uniform, SamplingScheme::epoch_shift,
                                      SamplingScheme::tau_nice, SamplingScheme::bernoulli}) {
    const SamplingOptions options = {.scheme = scheme, .tau = 2};
    const auto a = sampler(options, 6, 17);
    const auto b = sampler(options, 6, 17);
    const auto other = sampler(options, 6, 18);
    int different = 0;
    std::vector<ActiveSet> forward;
    for (std::int64_t step = 0; step < 200; ++step) forward.push_back(a->draw(at(step)));
    for (std::int64_t step = 199; step >= 0; --step) {  // as after a resume: no state was needed
      CHECK(b->draw(at(step)) == forward[static_cast<std::size_t>(step)]);
      different += other->draw(at(step)) == forward[static_cast<std::size_t>(step)] ? 0 : 1;
    }
    CHECK(different > 50);
  }
}

TEST_CASE("cyclic draws go through the suffixes from the last layer down", "[sampler]") {
  const auto cyclic = sampler({.scheme = SamplingScheme::cyclic}, 3);
  for (std::int64_t step = 0; step < 7; ++step) {
    CHECK(cyclic->draw(at(step)) == ActiveSet::suffix(2 - static_cast<int>(step % 3), 3));
  }
  check_near(cyclic->inclusion_probabilities(at(0)), {1.0 / 3, 2.0 / 3, 1.0}, 1e-15);
}

TEST_CASE("Bernoulli draws are independent layers, given at least one", "[sampler]") {
  const double q = 0.3;
  const auto bernoulli = sampler({.scheme = SamplingScheme::bernoulli, .probability = q}, 4);
  const double any = 1.0 - std::pow(1.0 - q, 4);
  const std::vector<double> start = {q / any, q * 0.7 / any, q * 0.49 / any, q * 0.343 / any};
  check_near(bernoulli->start_probabilities(at(0)), start, 1e-15);
  const Counts counts = count_draws(*bernoulli, 4);
  CHECK(chi_square(counts, start) < kCritical3);
  check_near(fractions(counts.inside), std::vector<double>(4, q / any), 0.005);
  check_near(bernoulli->inclusion_probabilities(at(0)), std::vector<double>(4, q / any), 1e-15);

  const auto rare = sampler({.scheme = SamplingScheme::bernoulli, .probability = 1e-12}, 4);
  for (std::int64_t step = 0; step < 100; ++step) CHECK(rare->draw(at(step)).count() == 1);
  const auto sure = sampler({.scheme = SamplingScheme::bernoulli, .probability = 1.0}, 4);
  CHECK(sure->draw(at(3)) == ActiveSet::all(4));
}

TEST_CASE("probabilities add up for every scheme and depth", "[sampler]") {
  for (const int depth : {1, 2, 7, 64}) {
    for (const SamplingScheme scheme :
         {SamplingScheme::full, SamplingScheme::uniform, SamplingScheme::weights,
          SamplingScheme::epoch_shift, SamplingScheme::tau_nice, SamplingScheme::cyclic,
          SamplingScheme::bernoulli}) {
      const auto any = sampler(
          {.scheme = scheme, .weights = std::vector<double>(static_cast<std::size_t>(depth), 2.0)},
          depth);
      double sum = 0.0;
      for (const double p : any->start_probabilities(at(5))) sum += p;
      CHECK(sum == Approx(1.0));
      CHECK(any->draw(at(5)).depth() == depth);
    }
  }
}

TEST_CASE("sampling options that do not fit name their keys", "[sampler]") {
  const auto complaint = [](const SamplingOptions& options) {
    try {
      sampler(options, 3);
    } catch (const Error& error) {
      CHECK(error.code() == ExitCode::bad_config);
      return std::string(error.what());
    }
    return std::string("none");
  };
  using Catch::Contains;
  const auto weights = [](std::vector<double> w) {
    return SamplingOptions{.scheme = SamplingScheme::weights, .weights = std::move(w)};
  };
  CHECK_THAT(complaint(weights({1, 2})), Contains("sampling.weights") && Contains("3"));
  CHECK_THAT(complaint(weights({1, -2, 3})), Contains("sampling.weights"));
  CHECK_THAT(complaint(weights({1, NAN, 3})), Contains("sampling.weights"));
  CHECK_THAT(complaint(weights({0, 0, 0})), Contains("sampling.weights"));
  const SamplingScheme tau_nice = SamplingScheme::tau_nice;
  CHECK_THAT(complaint({.scheme = tau_nice, .tau = 0}), Contains("sampling.tau"));
  CHECK_THAT(complaint({.scheme = tau_nice, .tau = 4}), Contains("sampling.tau"));
  const SamplingScheme bernoulli = SamplingScheme::bernoulli;
  CHECK_THAT(complaint({.scheme = bernoulli, .probability = 0.0}),
             Contains("sampling.probability"));
  CHECK_THAT(complaint({.scheme = bernoulli, .probability = 1.1}),
             Contains("sampling.probability"));
  CHECK_THAT(complaint({.scheme = SamplingScheme::epoch_shift, .alpha = INFINITY}),
             Contains("sampling.alpha"));
}
