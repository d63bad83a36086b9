// SPDX-License-Identifier: MIT
// Backpropagation stops where it is told: same bits above, nothing below.
#include <fmt/format.h>

#include "catch.h"
#include "counting_backend.h"
#include "model_cases.h"

using namespace dropmuon;

namespace {

bool all_nan(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(), [](float v) { return std::isnan(v); });
}

// Every suffix, every single layer, and a set with a hole.
std::vector<ActiveSet> interesting_sets(int depth) {
  std::vector<ActiveSet> sets;
  for (int s = 0; s < depth; ++s) {
    sets.push_back(ActiveSet::suffix(s, depth));
    sets.push_back(ActiveSet::of(std::vector<int>{s}, depth));
    if (s + 2 < depth) sets.push_back(ActiveSet::of(std::vector<int>{s, depth - 1}, depth));
  }
  return sets;
}

}  // namespace

TEST_CASE(
    "oracle 17: truncated gradients equal the full ones bit for bit, the others stay untouched") {
  const auto backend = test_backend();
  for (const ModelCase& model : model_cases()) {
    CAPTURE(model.name);
    Harness full(*backend, model, 5);
    full.pass(ActiveSet::all(full.depth()));
    Harness truncated(*backend, model, 5);
    for (const ActiveSet& set : interesting_sets(full.depth())) {
      CAPTURE(set.text());
      truncated.poison_gradients();
      truncated.pass(set);
      for (std::size_t p = 0; p < full.network().params().size(); ++p) {
        CAPTURE(p);
        if (set.contains(full.network().params()[p].layer)) {
          CHECK(same_bits(truncated.grad(p), full.grad(p)));
        } else {
          CHECK(all_nan(truncated.grad(p)));
        }
      }
    }
  }
}

TEST_CASE("oracle 17: call counts prove that nothing below the first active layer is computed") {
  CountingBackend backend(test_backend());
  const ModelCase model{
      "four convs", {.channels = {4, 5, 6, 7}, .pool = {1, 2, 1, 2}}, {{8, 8, 1}, 10}};
  Harness harness(backend, model, 3);
  const int depth = harness.depth();
  for (const ActiveSet& set : interesting_sets(depth)) {
    CAPTURE(set.text());
    backend.counts.clear();
    harness.pass(set);
    for (int layer = 0; layer + 1 < depth; ++layer) {
      CAPTURE(layer);
      const std::string conv = fmt::format("conv2d[{}].", layer);
      CHECK(backend.count(conv + "forward") == 1);
      CHECK(backend.count(conv + "backward_filter") == (set.contains(layer) ? 1 : 0));
      CHECK(backend.count(conv + "store_filter_gradient") == (set.contains(layer) ? 1 : 0));
      CHECK(backend.count(conv + "backward_input") == (layer > set.first() ? 1 : 0));
      CHECK(backend.count(conv + "load_filter") == 0);
    }
    const int convs = depth - 1;
    const int reached = std::max(0, convs - set.first());
    CHECK(backend.count("pool_forward_training") == reached);
    CHECK(backend.count("pool_forward_inference") == convs - reached);
    CHECK(backend.count("pool_backward_with_bias") + backend.count("pool_backward_without_bias") ==
          reached);
    // The head: one product forward, one per gradient that is wanted.
    CHECK(backend.count("matmul") ==
          1 + (set.contains(depth - 1) ? 1 : 0) + (set.first() < depth - 1 ? 1 : 0));
  }
}

TEST_CASE("evaluation keeps nothing for backward and allocates nothing, nor does a step") {
  CountingBackend backend(test_backend());
  Harness harness(backend, {"", {.channels = {4, 6}}, {{9, 9, 1}, 10}}, 4);
  backend.counts.clear();
  harness.network().forward(4, nullptr);
  CHECK(backend.count("pool_forward_training") == 0);
  CHECK(backend.count("pool_forward_inference") == 2);
  harness.pass(ActiveSet::all(3));
  CHECK(backend.count("allocate") == 0);
}

TEST_CASE("evaluation and training passes give the same logits bit for bit") {
  const auto backend = test_backend();
  for (const ModelCase& model : model_cases()) {
    CAPTURE(model.name);
    Harness harness(*backend, model, 5);
    const int depth = harness.depth();
    harness.pass(ActiveSet::all(depth));
    const std::vector<float> trained = harness.logits();
    harness.pass(ActiveSet::suffix(depth - 1, depth));
    CHECK(same_bits(harness.logits(), trained));
    harness.network().forward(5, nullptr);
    CHECK(same_bits(harness.logits(), trained));
  }
}

TEST_CASE("frozen layers keep their packed filters: only moved layers are loaded again") {
  CountingBackend backend(test_backend());
  Harness harness(backend, {"", {.channels = {4, 6, 5}}, {{9, 9, 1}, 10}}, 4);
  backend.counts.clear();
  harness.network().params_changed(ActiveSet::suffix(1, 4));
  CHECK(backend.count("conv2d[0].load_filter") == 0);
  CHECK(backend.count("conv2d[1].load_filter") == 1);
  CHECK(backend.count("conv2d[2].load_filter") == 1);
}
