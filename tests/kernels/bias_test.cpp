// SPDX-License-Identifier: MIT
#include "kernels/bias.h"

#include "compare.h"
#include "device_array.h"

namespace dropmuon::kernels {
namespace {

struct Case {
  int n, features;
  std::size_t offset = 0;
};

const std::vector<Case> kCases = {{1, 1},     {31, 10},  {33, 10, 1}, {512, 10},  {7, 4},
                                  {9, 64, 1}, {5, 257},  {3, 260},    {2, 1028},  {513, 1},
                                  {6000, 4},  {100, 63}, {65, 65},    {3000, 260}};

}  // namespace

TEST_CASE("add_bias adds the bias to every row") {
  for (const Case& c : kCases) {
    CAPTURE(c.n, c.features, c.offset);
    const auto features = static_cast<std::size_t>(c.features);
    const std::vector<float> bias = random_floats(features, 1);
    std::vector<float> y = random_floats(c.n * features, 2);
    const DeviceArray<float> device_bias(bias, c.offset), device_y(y, c.offset);
    finish(add_bias({c.n, c.features, device_bias.get(), device_y.get()}, test_stream()));
    for (std::size_t i = 0; i < y.size(); ++i) y[i] += bias[i % features];
    CHECK(same_bytes(device_y.host(), y));
  }
}

TEST_CASE("bias_gradient sums the rows in a fixed order") {
  for (const Case& c : kCases) {
    CAPTURE(c.n, c.features, c.offset);
    const auto features = static_cast<std::size_t>(c.features);
    const std::vector<float> dy = random_floats(c.n * features, 3);
    const std::vector<float> old = random_floats(features, 4);
    std::vector<double> sum(features, 0.0);
    for (std::size_t i = 0; i < dy.size(); ++i) sum[i % features] += dy[i];
    const TestScratch ample(264 * features), least(features);
    const DeviceArray<float> device_dy(dy, c.offset);
    const DeviceArray<float> first(features), second(features), one_block(features), added(old);
    const auto run = [&](const DeviceArray<float>& out, GradMode mode, const TestScratch& scratch) {
      finish(bias_gradient({c.n, c.features, device_dy.get(), out.get(), mode}, scratch.get(),
                           test_stream()));
      CHECK(scratch.clean());
    };
    run(first, GradMode::overwrite, ample);
    run(second, GradMode::overwrite, ample);
    run(one_block, GradMode::overwrite, least);
    run(added, GradMode::accumulate, ample);
    CHECK(relative_error(first.host(), sum) < 2e-6);
    CHECK(same_bytes(first.host(), second.host()));
    CHECK(relative_error(one_block.host(), sum) < 2e-6);
    for (std::size_t k = 0; k < features; ++k) sum[k] += old[k];
    CHECK(relative_error(added.host(), sum) < 2e-6);
  }
}

TEST_CASE("bias kernels refuse empty shapes and too little scratch") {
  const TestScratch scratch(9);
  const DeviceArray<float> a(100), b(100);
  for (const Case& c : std::vector<Case>{{0, 4}, {4, 0}, {-1, 4}, {4, -1}}) {
    CHECK(add_bias({c.n, c.features, a.get(), b.get()}, test_stream()) == cudaErrorInvalidValue);
    CHECK(bias_gradient({c.n, c.features, a.get(), b.get()}, scratch.get(), test_stream()) ==
          cudaErrorInvalidValue);
  }
  CHECK(bias_gradient({2, 10, a.get(), b.get()}, scratch.get(), test_stream()) ==
        cudaErrorInvalidValue);
  Scratch no_counter = scratch.get();
  no_counter.counter_count = 0;
  CHECK(bias_gradient({2, 4, a.get(), b.get()}, no_counter, test_stream()) ==
        cudaErrorInvalidValue);
}

}  // namespace dropmuon::kernels
