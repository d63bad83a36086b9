// SPDX-License-Identifier: MIT
// The double-precision twin is checked against central differences, the engine against the twin.
#include "catch.h"
#include "model_cases.h"

using namespace dropmuon;

TEST_CASE(
    "oracle 24: central differences match the gradients of the double twin, every layer kind") {
  const auto backend = test_backend();
  for (const ModelCase& model : model_cases()) {
    CAPTURE(model.name);
    Harness harness(*backend, model, 3);
    const reference::ReferenceNetwork network(model.options, model.input);
    const reference::Values x = widen(harness.x());
    reference::Parameters parameters = harness.parameters();
    const auto exact = network.run(3, x, harness.labels(), parameters);
    for (std::size_t p = 0; p < parameters.size(); ++p) {
      double scale = 0.0;
      for (const double g : exact.gradients[p]) scale = std::max(scale, std::abs(g));
      const std::size_t stride = std::max<std::size_t>(1, parameters[p].size() / 7);
      for (std::size_t i = p % stride; i < parameters[p].size(); i += stride) {
        constexpr double kStep = 1e-5;
        const double keep = parameters[p][i];
        parameters[p][i] = keep + kStep;
        const double above = network.run(3, x, harness.labels(), parameters).loss;
        parameters[p][i] = keep - kStep;
        const double below = network.run(3, x, harness.labels(), parameters).loss;
        parameters[p][i] = keep;
        CAPTURE(p, i);
        CHECK(std::abs((above - below) / (2 * kStep) - exact.gradients[p][i]) <= 1e-6 * scale);
      }
    }
  }
}

TEST_CASE("logits, loss and every gradient agree with the double twin, every layer kind") {
  const auto backend = test_backend();
  for (const ModelCase& model : model_cases()) {
    CAPTURE(model.name);
    Harness harness(*backend, model, 5);
    const reference::ReferenceNetwork network(model.options, model.input);
    const auto exact = network.run(5, widen(harness.x()), harness.labels(), harness.parameters());
    harness.pass(ActiveSet::all(harness.depth()));
    CHECK(harness.loss() == Approx(exact.loss).epsilon(1e-6));
    for (std::size_t p = 0; p < exact.gradients.size(); ++p) {
      CAPTURE(p);
      // Up to 13 layers of fp32 sums; a wrong winner at a near-tie would show as 1e-2.
      CHECK(relative_error(harness.grad(p), exact.gradients[p]) < 1e-5);
    }
  }
}

TEST_CASE("oracle 24: the gradient of the mean loss does not depend on the micro-batch split") {
  const auto backend = test_backend();
  for (const ModelCase& model : model_cases()) {
    CAPTURE(model.name);
    Harness whole(*backend, model, 9);
    const ActiveSet all = ActiveSet::all(whole.depth());
    whole.pass(all);
    Harness split(*backend, model, 9, 4);  // 4, 4 and 1
    split.pass(all);
    for (std::size_t p = 0; p < whole.network().params().size(); ++p) {
      CAPTURE(p);
      CHECK(relative_error(split.grad(p), widen(whole.grad(p))) < 1e-6);
    }
  }
}
