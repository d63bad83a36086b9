// SPDX-License-Identifier: MIT
// Random axes: distribution, repetition, rounding.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "catch.h"
#include "sweep_fixture.h"

using namespace dropmuon;

namespace {

Sweep drawn(const SweepFolder& folder, int samples, const std::string& axes, int seed = 0) {
  return folder.load(fmt::format("base: base.yaml\nrandom: {{samples: {}, seed: {}, axes: {}}}\n",
                                 samples, seed, axes));
}

std::vector<double> rates(const Sweep& sweep) {
  std::vector<double> values;
  for (const SweepJob& job : sweep.jobs) values.push_back(job.config.experiment.optimizer.lr);
  return values;
}

// The largest distance between the draws' distribution function and that of [0, 1) (Kolmogorov).
double distance_from_uniform(std::vector<double> u) {
  std::sort(u.begin(), u.end());
  double largest = 0.0;
  const double n = static_cast<double>(u.size());
  for (std::size_t i = 0; i < u.size(); ++i) {
    const double below = static_cast<double>(i) / n;
    largest = std::max({largest, u[i] - below, below + 1.0 / n - u[i]});
  }
  return largest;
}

}  // namespace

TEST_CASE("sweep: log_uniform and uniform draws follow their distributions") {
  const SweepFolder folder;
  // In four digits there are 9000 numbers per decade; few draws, so that leaving out
  // those that come twice changes little.
  constexpr int kDraws = 200;
  const double critical = 1.95 / std::sqrt(static_cast<double>(kDraws));  // p = 0.001
  for (const int seed : {0, 1, 2, 3, 4}) {
    std::vector<double> u;
    for (const double lr :
         rates(drawn(folder, kDraws, "{optimizer.lr: {log_uniform: [0.0001, 0.1]}}", seed))) {
      CHECK(lr >= 0.0001);
      CHECK(lr <= 0.1);
      u.push_back(std::log(lr / 0.0001) / std::log(1000.0));
    }
    CHECK(distance_from_uniform(u) < critical);
    u.clear();
    for (const double lr :
         rates(drawn(folder, kDraws, "{optimizer.lr: {uniform: [0.5, 2.5]}}", seed))) {
      u.push_back((lr - 0.5) / 2.0);
    }
    CHECK(distance_from_uniform(u) < critical);
  }
}

TEST_CASE("sweep: two axes are drawn independently") {
  const SweepFolder folder;
  const Sweep sweep = drawn(folder, 2000,
                            "{optimizer.lr: {uniform: [0.5, 1.5]}, "
                            "sampling.probability: {uniform: [0.25, 0.75]}}");
  double product = 0.0;
  for (const SweepJob& job : sweep.jobs) {
    product += (job.config.experiment.optimizer.lr - 1.0) *
               (job.config.experiment.sampling.probability - 0.5) * 24.0;  // variance 1 together
  }
  CHECK(std::abs(product / 2000.0) < 3.3 * 2.0 / std::sqrt(2000.0));
}

TEST_CASE("sweep: draws are the same everywhere and always") {
  const SweepFolder folder;
  const auto lr = [&](int samples, int seed, const std::string& more = "") {
    return rates(
        drawn(folder, samples, "{" + more + "optimizer.lr: {log_uniform: [0.001, 0.1]}}", seed));
  };
  const std::vector<double> four = lr(4, 0);
  CHECK(four == std::vector<double>{0.001099, 0.02583, 0.001131, 0.03168});
  CHECK(lr(4, 0) == four);
  CHECK(lr(4, 1) != four);
  const std::vector<double> eight = lr(8, 0);
  CHECK(std::vector<double>(eight.begin(), eight.begin() + 4) == four);  // more go on
  CHECK(lr(4, 0, "optimizer.momentum: {uniform: [0, 0.9]}, ") == four);  // whatever else is drawn
}

TEST_CASE("sweep: every case and seed has the same draws") {
  const SweepFolder folder;
  const Sweep sweep = folder.load(
      "base: base.yaml\ncases: {a: , b: }\nseeds: 2\n"
      "random: {samples: 3, axes: {optimizer.lr: {log_uniform: [0.001, 0.1]}}}\n");
  std::vector<std::set<double>> found(4);
  for (const SweepJob& job : sweep.jobs) {
    const std::size_t group = (job.label.starts_with("a") ? 0 : 2) + job.config.experiment.seed;
    found[group].insert(job.config.experiment.optimizer.lr);
  }
  CHECK(found[0].size() == 3);
  for (const auto& each : found) CHECK(each == found[0]);
}

TEST_CASE("sweep: a drawn number is as short as its label shows it") {
  const SweepFolder folder;
  for (const SweepJob& job :
       drawn(folder, 300, "{optimizer.lr: {log_uniform: [0.001, 0.1]}}").jobs) {
    const double lr = job.config.experiment.optimizer.lr;
    CHECK(std::strtod(fmt::format("{:.4g}", lr).c_str(), nullptr) == lr);
    CHECK(job.label == fmt::format("lr={}-seed=0", lr));
  }
  // Rounding does not leave the bounds.
  for (const double lr : rates(drawn(folder, 2, "{optimizer.lr: {uniform: [0.12344, 0.12356]}}"))) {
    CHECK(lr >= 0.12344);
    CHECK(lr <= 0.12356);
  }
}

TEST_CASE("sweep: keys of whole numbers get whole numbers, all between the bounds") {
  const SweepFolder folder;
  std::set<int> found;
  for (const SweepJob& job : drawn(folder, 5, "{train.epochs: {uniform: [2, 6]}}").jobs) {
    found.insert(job.config.experiment.train.epochs);
  }
  CHECK(found == std::set<int>{2, 3, 4, 5, 6});
  for (const SweepJob& job :
       drawn(folder, 50, "{train.batch_size: {log_uniform: [1000, 1000000]}}").jobs) {
    CHECK(job.config.experiment.train.batch_size >= 1000);
    CHECK(job.config.experiment.train.batch_size <= 1000000);
  }
}

TEST_CASE("sweep: draws differ, and asking for more than there are is refused") {
  const SweepFolder folder;
  const std::string axes =
      "{sampling.scheme: {choice: [full, uniform, cyclic]}, train.epochs: {choice: [1, 2]}}";
  const Sweep all = drawn(folder, 6, axes);
  const std::vector<std::string> found = labels(all);
  CHECK(std::set<std::string>(found.begin(), found.end()).size() == 6);
  const std::string refused =
      folder.refusal("base: base.yaml\nrandom:\n  samples: 7\n  axes: " + axes + "\n");
  CHECK_THAT(refused, Catch::StartsWith("78: s.yaml:3:3: random: expected 7 different draws, "
                                        "found 6"));
}
