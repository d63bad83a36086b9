// SPDX-License-Identifier: MIT
// On the GPU too, backpropagation stops where it is told, in recorded and replayed steps.
#include <fmt/format.h>

#include "catch.h"
#include "counting_backend.h"
#include "model_cases.h"
#include "toy.h"

using namespace dropmuon;

namespace {

std::vector<ActiveSet> sets(int depth) {
  std::vector<ActiveSet> sets;
  for (int s = 0; s < depth; ++s) sets.push_back(ActiveSet::suffix(s, depth));
  sets.push_back(ActiveSet::of(std::vector<int>{0, depth - 1}, depth));
  sets.push_back(ActiveSet::of(std::vector<int>{1}, depth));
  return sets;
}

const ModelCase kModel{"three convs", {.channels = {4, 6, 5}, .pool = {2, 1, 2}}, {{9, 8, 2}, 5}};

bool belongs_to(const StateTensor& tensor, int layer) {
  return tensor.name.starts_with(fmt::format("layers.{}.", layer));
}

}  // namespace

TEST_CASE("oracle 17: a GPU step calls for nothing below the first active layer", "[cuda]") {
  const ToyNet net = toy_nets()[2];  // two micro-batches
  CountingBackend backend(on_cuda());
  Trainer trainer(backend, toy_experiment(net), toy_dataset(net.image));
  const int depth = trainer.network().depth();
  int index = 0;
  for (const ActiveSet& set : sets(depth)) {
    CAPTURE(set.text());
    backend.forget_steps();
    for (int time = 0; time < 3; ++time, ++index) {
      backend.counts.clear();
      trainer.step(index, set);
      // Run directly, then captured; a replay names no operation.
      const int micro_batches = time < 2 ? 2 : 0;
      for (int layer = 0; layer + 1 < depth; ++layer) {
        CAPTURE(layer, time);
        const std::string conv = fmt::format("conv2d[{}].", layer);
        CHECK(backend.count(conv + "forward") == micro_batches);
        CHECK(backend.count(conv + "backward_filter") == (set.contains(layer) ? micro_batches : 0));
        CHECK(backend.count(conv + "backward_input") == (layer > set.first() ? micro_batches : 0));
        CHECK(backend.count(conv + "load_filter") == (set.contains(layer) ? micro_batches / 2 : 0));
      }
    }
  }
}

TEST_CASE("oracle 17: truncated gradients on the GPU equal the full ones bit for bit", "[cuda]") {
  const auto backend = on_cuda();
  Harness full(*backend, kModel, 5);
  Harness truncated(*backend, kModel, 5);
  backend->forget_steps();
  full.pass(ActiveSet::all(full.depth()));
  backend->forget_steps();
  for (const ActiveSet& set : sets(full.depth())) {
    for (int time = 0; time < 2; ++time) {  // recorded, replayed
      CAPTURE(set.text(), time);
      truncated.poison_gradients();
      truncated.pass(set);
      for (std::size_t p = 0; p < full.network().params().size(); ++p) {
        CAPTURE(p);
        const std::vector<float> found = truncated.grad(p);
        if (set.contains(full.network().params()[p].layer)) {
          CHECK(same_bits(found, full.grad(p)));
        } else {
          CHECK(std::all_of(found.begin(), found.end(), [](float v) { return std::isnan(v); }));
        }
      }
    }
  }
}

TEST_CASE("oracle 16: frozen layers keep weights and state bit for bit through replays", "[cuda]") {
  for (const auto& [name, options] : toy_optimizers()) {
    const auto backend = on_cuda();
    ModelCase model = kModel;
    model.optimizer = options;
    Harness harness(*backend, model, 5);
    const auto params = harness.network().params();
    const int depth = harness.depth();
    Optimizer& optimizer = harness.optimizer();
    harness.step(ActiveSet::all(depth));
    const auto read = [&](const float* data, std::size_t size) {
      std::vector<float> values(size);
      backend->download(values.data(), data, size * sizeof(float));
      return values;
    };
    for (const ActiveSet& set : sets(depth)) {
      for (int time = 0; time < 3; ++time) {
        CAPTURE(name, set.text(), time);
        std::vector<std::vector<float>> weights;
        for (const Param& param : params) weights.push_back(read(param.value, param.size()));
        std::vector<std::vector<float>> state;
        for (const StateTensor& t : optimizer.state()) state.push_back(read(t.data, t.size));
        harness.step(set);
        for (std::size_t p = 0; p < params.size(); ++p) {
          const bool kept = same_bits(read(params[p].value, params[p].size()), weights[p]);
          CHECK(kept != set.contains(params[p].layer));
        }
        const std::vector<StateTensor> after = optimizer.state();
        for (std::size_t t = 0; t < after.size(); ++t) {
          const bool kept = same_bits(read(after[t].data, after[t].size), state[t]);
          for (int layer = 0; layer < depth; ++layer) {
            if (belongs_to(after[t], layer)) CHECK(kept != set.contains(layer));
          }
        }
      }
    }
  }
}
