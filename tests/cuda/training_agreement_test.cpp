// SPDX-License-Identifier: MIT
// Whole training steps: the GPU follows the CPU, and its recordings follow the steps they recorded.
#include <fmt/format.h>

#include "catch.h"
#include "toy.h"

using namespace dropmuon;

namespace {

std::vector<std::pair<std::string, SamplingOptions>> samplings() {
  return {{"full", {.scheme = SamplingScheme::full}},
          {"uniform", {.scheme = SamplingScheme::uniform}},
          {"tau_nice", {.scheme = SamplingScheme::tau_nice, .tau = 2}}};
}

// Largest difference from the CPU over all steps; checks the bits of replayed steps on the way.
double follow(const Experiment& experiment, const Dataset& data) {
  ToyRun cpu(on_cpu(), experiment, data);
  ToyRun replayed(on_cuda(true), experiment, data);
  ToyRun direct(on_cuda(false), experiment, data);
  double worst = 0.0;
  for (std::int64_t i = 0; i < 20; ++i) {
    for (ToyRun* run : {&cpu, &replayed, &direct}) run->steps(i, i + 1);
    worst = std::max(worst, replayed.distance(cpu));
    CAPTURE(i);
    CHECK(same_bits(replayed.weights(), direct.weights()));
  }
  const Evaluation expected = cpu.trainer().evaluate_test();
  const Evaluation found = replayed.trainer().evaluate_test();
  CHECK(found.loss == Approx(expected.loss).epsilon(1e-4));
  CHECK(found.accuracy == expected.accuracy);
  CHECK(replayed.backend().recording_counts().replayed > 0);
  CHECK(direct.backend().recording_counts().recorded == 0);
  return worst;
}

}  // namespace

TEST_CASE("twenty steps on the GPU follow the CPU, and replayed steps the direct ones bit for bit",
          "[cuda]") {
  const std::vector<ToyNet> nets = toy_nets();
  std::size_t next = 0;
  for (const auto& [optimizer_name, optimizer] : toy_optimizers()) {
    for (const auto& [sampling_name, sampling] : samplings()) {
      // Each optimizer and each sampling meets each network.
      const ToyNet& net = nets[(next + next / 3) % 3];
      ++next;
      Experiment experiment = toy_experiment(net);
      experiment.optimizer = optimizer;
      experiment.sampling = sampling;
      CAPTURE(optimizer_name, sampling_name, net.name);
      const double distance = follow(experiment, toy_dataset(net.image));
      CHECK(distance < 1e-4);
      if (std::getenv("DROPMUON_SHOW") != nullptr) {
        fmt::print("{:<30} {:<9} {:<62} {:.1e}\n", optimizer_name, sampling_name, net.name,
                   distance);
      }
    }
  }
}

TEST_CASE("the same run on the same GPU gives the same bits", "[cuda]") {
  const ToyNet net = toy_nets()[1];
  for (const auto& [name, optimizer] : toy_optimizers()) {
    Experiment experiment = toy_experiment(net);
    experiment.optimizer = optimizer;
    experiment.sampling.scheme = SamplingScheme::uniform;
    CAPTURE(name);
    ToyRun first(on_cuda(), experiment, toy_dataset(net.image));
    first.steps(0, 12);
    ToyRun second(on_cuda(), experiment, toy_dataset(net.image));
    second.steps(0, 12);
    CHECK(same_bits(first.weights(), second.weights()));
    // The weights have moved, so the comparison means something.
    ToyRun untrained(on_cuda(), experiment, toy_dataset(net.image));
    CHECK(first.distance(untrained) > 0.01);
  }
}

TEST_CASE("the head inside the last layer trains alike on both devices", "[cuda]") {
  ToyNet net = toy_nets()[0];
  net.model.head = Head::with_last_conv;
  Experiment experiment = toy_experiment(net);
  experiment.sampling.scheme = SamplingScheme::uniform;
  CHECK(follow(experiment, toy_dataset(net.image)) < 1e-4);
}
