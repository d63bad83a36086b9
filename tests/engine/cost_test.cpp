// SPDX-License-Identifier: MIT
// The FLOP and byte counter against hand-made formulas.
#include "catch.h"
#include "model_cases.h"
#include <dropmuon/core/error.h>

using namespace dropmuon;

TEST_CASE("oracle 25: start costs of the paper's network, head in the last layer") {
  const auto backend = make_backend({.device = "cpu"});
  const auto network = build_network({.head = Head::with_last_conv}, {{28, 28, 1}, 10}, *backend);
  const auto costs = network->costs();
  REQUIRE(network->depth() == 3);
  // Per image: conv layers 2 * 9 * in * out * H * W, head 2 * 2304 * 10.
  const double c1 = 2.0 * 9 * 1 * 64 * 28 * 28;
  const double c2 = 2.0 * 9 * 64 * 128 * 14 * 14;
  const double c3 = 2.0 * 9 * 128 * 256 * 7 * 7;
  const double head = 2.0 * 2304 * 10;
  const double forward = c1 + c2 + c3 + head;
  const auto cost = [&](int s) { return step_flops_per_image(costs, ActiveSet::suffix(s, 3)); };
  CHECK(cost(0) == forward + forward + c2 + c3 + head);
  CHECK(cost(1) == forward + (c2 + c3 + head) + c3 + head);
  CHECK(cost(2) == forward + (c3 + head) + head);
  CHECK(cost(0) / 1e6 == Approx(175.4).margin(0.05));
  CHECK(cost(1) / 1e6 == Approx(145.5).margin(0.06));
  CHECK(cost(2) / 1e6 == Approx(87.7).margin(0.1));
  const double mean = (cost(0) + cost(1) + cost(2)) / 3;
  CHECK(cost(0) / mean == Approx(1.29).margin(0.005));
}

TEST_CASE("oracle 25: with the head as its own layer uniform sampling saves a factor 1.50") {
  const auto backend = make_backend({.device = "cpu"});
  const auto network = build_network({}, {{28, 28, 1}, 10}, *backend);
  const auto costs = network->costs();
  double mean = 0.0;
  double previous = INFINITY;
  for (int s = 0; s < 4; ++s) {
    const double cost = step_flops_per_image(costs, ActiveSet::suffix(s, 4));
    CHECK(cost < previous);
    previous = cost;
    mean += cost / 4;
  }
  CHECK(step_flops_per_image(costs, ActiveSet::all(4)) / mean == Approx(1.50).margin(0.005));
}

TEST_CASE(
    "a layer above the first that is not drawn costs its data gradient, not its filter gradient") {
  const std::vector<LayerCost> costs(3, {.forward_flops = 1,
                                         .filter_gradient_flops = 10,
                                         .data_gradient_flops = 100,
                                         .saved_bytes = 1000});
  const ActiveSet hole = ActiveSet::of(std::vector<int>{0, 2}, 3);
  CHECK(step_flops_per_image(costs, hole) == 3 + 20 + 200);
  CHECK(saved_bytes_per_image(costs, hole) == 3000);
  CHECK(saved_bytes_per_image(costs, ActiveSet::suffix(2, 3)) == 1000);
}

TEST_CASE("models that do not fit are refused by the name of their key") {
  const auto backend = make_backend({.device = "cpu"});
  const auto message = [&](const ModelOptions& options) -> std::string {
    try {
      build_network(options, {{28, 28, 1}, 10}, *backend);
    } catch (const Error& error) {
      CHECK(error.code() == ExitCode::bad_config);
      return error.what();
    }
    return "accepted";
  };
  CHECK_THAT(message({.channels = {}}), Catch::Contains("model.channels"));
  CHECK_THAT(message({.channels = std::vector<int>(63, 4), .pool = {1}}),
             Catch::Contains("model.channels"));
  CHECK_THAT(message({.channels = {4, 4}, .kernel = {3, 3, 3}}), Catch::Contains("model.kernel"));
  CHECK_THAT(message({.channels = {4, 4, 4, 4, 4}}), Catch::Contains("model.pool"));
}

TEST_CASE("initialisation is He-normal, reproducible and differs between seeds") {
  const auto backend = make_backend({.device = "cpu"});
  const ModelCase model{"", {.channels = {64, 32}}, {{8, 8, 3}, 10}};
  const auto values = [&](std::uint64_t seed) {
    auto network = build_network(model.options, model.input, *backend);
    initialise(*network, *backend, seed);
    const Param& param = network->params()[2];  // (32, 3, 3, 64)
    return std::vector<float>(param.value, param.value + param.size());
  };
  const auto first = values(1);
  CHECK(same_bits(first, values(1)));
  CHECK_FALSE(same_bits(first, values(2)));
  double square = 0.0;
  for (const float v : first) square += static_cast<double>(v) * v;
  CHECK(square / static_cast<double>(first.size()) == Approx(2.0 / (9 * 64)).epsilon(0.05));
}
