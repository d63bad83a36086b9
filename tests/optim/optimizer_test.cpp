// SPDX-License-Identifier: MIT
// What all optimizers promise, and Muon's own rules.
#include <cmath>
#include <cstring>
#include <limits>

#include "catch.h"
#include "model.h"
#include <dropmuon/core/error.h>
#include <dropmuon/optim/layer_sampler.h>
#include <dropmuon/optim/optimizer.h>

using namespace dropmuon;

namespace {

const ActiveSet kAll = ActiveSet::all(3);

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

bool belongs_to(const StateTensor& tensor, int layer) {
  return tensor.name.starts_with(fmt::format("layers.{}.", layer));
}

std::vector<OptimizerOptions> all_kinds() {
  std::vector<OptimizerOptions> kinds(6);
  for (OptimizerOptions& options : kinds) options.weight_decay = 0.01;
  kinds[1].nesterov = Nesterov::yes;
  kinds[2].step = StepMode::sharp;
  kinds[3].type = OptimizerType::sgd;
  kinds[4].type = OptimizerType::sgd;
  kinds[4].nesterov = Nesterov::yes;
  kinds[5].type = OptimizerType::adamw;
  return kinds;
}

}  // namespace

TEST_CASE("oracle 16: layers outside the active set keep every bit, in every optimizer",
          "[optimizer]") {
  for (const OptimizerOptions& options : all_kinds()) {
    Model model = Model::three_layers();
    const auto optimizer = model.optimizer(options);
    take_step(model, *optimizer, kAll, 0.1);  // so that there is state to keep
    for (const std::vector<int>& layers : std::vector<std::vector<int>>{{1, 2}, {2}, {0, 2}, {1}}) {
      const ActiveSet active = ActiveSet::of(layers, 3);
      model.randomise_gradients(3);
      for (std::size_t i = 0; i < 6; ++i) {  // a frozen layer's gradient must not even be read
        if (active.contains(model.params()[i].layer)) continue;
        std::fill(model.grad(i).begin(), model.grad(i).end(), NAN);
      }
      const auto values = model.values();
      const auto counts = optimizer->layer_updates();
      const std::vector<StateTensor> state = optimizer->state();
      std::vector<std::vector<float>> before;
      for (const StateTensor& tensor : state) before.push_back(copy_of(model, tensor));

      take_step(model, *optimizer, active, 0.1);

      CAPTURE(static_cast<int>(options.type), active.text());
      for (std::size_t i = 0; i < 6; ++i) {
        CHECK(same_bits(model.value(i), values[i]) != active.contains(model.params()[i].layer));
      }
      for (std::size_t t = 0; t < state.size(); ++t) {
        for (int layer = 0; layer < 3; ++layer) {
          if (!belongs_to(state[t], layer)) continue;
          CHECK(same_bits(copy_of(model, state[t]), before[t]) != active.contains(layer));
        }
      }
      for (int layer = 0; layer < 3; ++layer) {
        const auto i = static_cast<std::size_t>(layer);
        CHECK(optimizer->layer_updates()[i] == counts[i] + (active.contains(layer) ? 1 : 0));
      }
    }
  }
}

TEST_CASE("gradients are read only, and the state is named after the parameters", "[optimizer]") {
  for (const OptimizerOptions& options : all_kinds()) {
    Model model = Model::three_layers();
    const auto optimizer = model.optimizer(options);
    const std::vector<float> grad = model.grad(2);
    take_step(model, *optimizer, kAll, 0.1);
    CHECK(same_bits(model.grad(2), grad));
    const std::vector<StateTensor> state = optimizer->state();
    const bool adam = options.type == OptimizerType::adamw;
    REQUIRE(state.size() == (adam ? 12 : 6));
    CHECK(state[2].name == (adam ? "layers.1.weight.first_moment" : "layers.1.weight.momentum"));
    CHECK(state[2].size == 12 * 40);
  }
}

TEST_CASE("restoring state and update counts continues bit for bit", "[optimizer]") {
  for (const OptimizerOptions& options : all_kinds()) {
    Model one = Model::three_layers();
    Model two = Model::three_layers();
    const auto first = one.optimizer(options);
    const auto second = two.optimizer(options);
    take_step(one, *first, kAll, 0.1);
    take_step(one, *first, ActiveSet::suffix(1, 3), 0.1);
    for (std::size_t i = 0; i < 6; ++i)
      two.value(i).assign(one.value(i).begin(), one.value(i).end());
    const auto from = first->state();
    const auto to = second->state();
    for (std::size_t t = 0; t < from.size(); ++t) {
      const std::vector<float> values = copy_of(one, from[t]);
      two.backend().upload(to[t].data, values.data(), values.size() * sizeof(float));
    }
    second->set_layer_updates(first->layer_updates());
    take_step(one, *first, kAll, 0.05);
    take_step(two, *second, kAll, 0.05);
    for (std::size_t i = 0; i < 6; ++i) CHECK(same_bits(one.value(i), two.value(i)));
  }
}

TEST_CASE("oracle 21: full, a one-hot table and tau = b give the same trajectory bit for bit",
          "[optimizer]") {
  const std::vector<SamplingOptions> samplings = {
      {.scheme = SamplingScheme::full},
      {.scheme = SamplingScheme::weights, .weights = {1, 0, 0}},
      {.scheme = SamplingScheme::tau_nice, .tau = 3}};
  std::vector<std::vector<std::vector<float>>> ends;
  for (const SamplingOptions& sampling : samplings) {
    Model model = Model::three_layers();
    const auto optimizer = model.optimizer({});
    const auto sampler = make_layer_sampler(sampling, 3, 5);
    for (std::uint64_t step = 0; step < 10; ++step) {
      model.randomise_gradients(step);
      take_step(model, *optimizer, sampler->draw({.step = static_cast<std::int64_t>(step)}), 0.1);
    }
    ends.push_back(model.values());
  }
  CHECK(ends[0] == ends[1]);
  CHECK(ends[0] == ends[2]);
}

TEST_CASE("oracle 14: constant gradients give M = (1 - mu^k) g after k active updates",
          "[optimizer]") {
  Model model = Model::three_layers();
  const auto optimizer = model.optimizer({.momentum = 0.95});
  int active_updates = 0;
  for (int step = 0; step < 40; ++step) {
    const bool active = step % 3 != 1;  // layer 0 sits out every third step
    take_step(model, *optimizer, active ? kAll : ActiveSet::suffix(1, 3), 0.1);
    active_updates += active ? 1 : 0;
    const std::vector<float> momentum = copy_of(model, optimizer->state()[0]);
    const double factor = 1.0 - std::pow(0.95, active_updates);
    double worst = 0.0;
    for (std::size_t i = 0; i < momentum.size(); ++i) {
      worst = std::max(worst, std::abs(momentum[i] - factor * model.grad(0)[i]));
    }
    CHECK(worst < 3e-6);  // 40 roundings of numbers up to 3
  }
}

TEST_CASE("oracle 13: decay multiplies by 1 - lr wd, un-adjusted, before the step, active only",
          "[optimizer]") {
  for (const Scale scale : {Scale::sqrt_ratio, Scale::match_rms}) {
    OptimizerOptions options;
    options.weight_decay = 0.3;
    options.scale = scale;
    Model decayed = Model::three_layers();
    Model plain = Model::three_layers();
    const auto before = decayed.values();
    const auto with = decayed.optimizer(options);
    options.weight_decay = 0.0;
    const auto without = plain.optimizer(options);
    take_step(decayed, *with, ActiveSet::suffix(1, 3), 0.2);
    take_step(plain, *without, ActiveSet::suffix(1, 3), 0.2);
    const double keep = 1.0 - 0.2 * 0.3;
    for (std::size_t i = 0; i < 6; ++i) {
      const double factor = i < 2 ? 1.0 : keep;
      double worst = 0.0;
      for (std::size_t j = 0; j < before[i].size(); ++j) {
        const double step = double{plain.value(i)[j]} - before[i][j];
        worst = std::max(worst, std::abs(decayed.value(i)[j] - (before[i][j] * factor + step)));
      }
      CHECK(worst < 1e-6);
    }
  }
}

TEST_CASE("oracle 7: a zero gradient leaves Muon's weights unchanged and finite", "[optimizer]") {
  for (const StepMode step : {StepMode::radius, StepMode::sharp}) {
    Model model = Model::three_layers();
    for (std::size_t i = 0; i < 6; ++i) std::fill(model.grad(i).begin(), model.grad(i).end(), 0.0F);
    const auto before = model.values();
    const auto optimizer = model.optimizer({.step = step});
    take_step(model, *optimizer, kAll, 0.1);
    for (std::size_t i = 0; i < 6; ++i) CHECK(same_bits(model.value(i), before[i]));
  }
}

TEST_CASE("options out of range name their keys", "[optimizer]") {
  Model model = Model::three_layers();
  const auto complaint = [&](const OptimizerOptions& options) {
    try {
      model.optimizer(options);
    } catch (const Error& error) {
      CHECK(error.code() == ExitCode::bad_config);
      return std::string(error.what());
    }
    return std::string("none");
  };
  using Catch::Contains;
  CHECK_THAT(complaint({.lr = 0.0}), Contains("optimizer.lr"));
  CHECK_THAT(complaint({.lr = INFINITY}), Contains("optimizer.lr"));
  CHECK_THAT(complaint({.momentum = 1.0}), Contains("optimizer.momentum"));
  CHECK_THAT(complaint({.momentum = -0.1}), Contains("optimizer.momentum"));
  CHECK_THAT(complaint({.weight_decay = -1.0}), Contains("optimizer.weight_decay"));
  CHECK_THAT(complaint({.newton_schulz = {.steps = 0}}), Contains("newton_schulz.steps"));
  CHECK_THAT(complaint({.beta1 = 1.0}), Contains("optimizer.beta1"));
  CHECK_THAT(complaint({.beta2 = NAN}), Contains("optimizer.beta2"));
  CHECK_THAT(complaint({.epsilon = 0.0}), Contains("optimizer.epsilon"));
}

TEST_CASE("AdamW's first step is lr whatever beta2, even one that fp32 rounds to 1") {
  for (const double beta2 : {0.9, 0.999, 0.9999999, 0.99999999}) {
    CAPTURE(beta2);
    Model model;
    model.add(0, ParamKind::vector, {2});
    model.value(0) = {1.0F, -2.0F};
    model.grad(0) = {0.3F, -0.004F};
    const auto optimizer =
        model.optimizer({.type = OptimizerType::adamw, .lr = 0.01, .beta2 = beta2}, 1);
    take_step(model, *optimizer, ActiveSet::all(1), 0.01);
    CHECK(model.value(0)[0] == Approx(0.99).epsilon(1e-5));
    CHECK(model.value(0)[1] == Approx(-1.99).epsilon(1e-5));
  }
}
