// SPDX-License-Identifier: MIT
// Convolutions against their scalar double twin, at odd and tiny sizes.
#include "catch.h"
#include "compare.h"
#include "reference.h"
#include "test_backend.h"
#include <dropmuon/core/error.h>

using namespace dropmuon;

namespace {

struct ConvCase {
  ImageShape input;
  int out_channels;
  int kernel;
  int n;
};

const std::vector<ConvCase> kConvCases = {
    {{1, 1, 1}, 1, 1, 1},    {{1, 1, 3}, 2, 3, 1},      {{2, 3, 1}, 1, 3, 2},
    {{5, 7, 3}, 9, 3, 3},    {{7, 5, 8}, 16, 5, 2},     {{13, 13, 17}, 33, 3, 1},
    {{6, 6, 31}, 64, 3, 5},  {{9, 4, 64}, 31, 1, 7},    {{3, 3, 2}, 5, 7, 4},
    {{28, 28, 1}, 64, 3, 2}, {{14, 14, 64}, 128, 3, 1},
};

struct UsedPart {
  ImageShape input;
  int kernel;
  int used_height;
  int used_width;
};

const std::vector<UsedPart> kUsedParts = {{{7, 7, 16}, 3, 6, 6}, {{9, 8, 5}, 5, 6, 8},
                                          {{8, 8, 3}, 3, 6, 6},  {{5, 5, 4}, 1, 4, 4},
                                          {{3, 7, 2}, 7, 1, 6},  {{6, 6, 3}, 3, 6, 6}};

}  // namespace

TEST_CASE("conv2d forward and both gradients agree with the scalar twin") {
  const auto backend = test_backend();
  for (const ConvCase& c : kConvCases) {
    const Conv2dShape shape{c.input, c.out_channels, c.kernel};
    CAPTURE(c.input.height, c.input.width, c.input.channels, c.out_channels, c.kernel, c.n);
    const std::size_t in = static_cast<std::size_t>(c.n) * c.input.size();
    const std::size_t out =
        static_cast<std::size_t>(c.n) * c.input.height * c.input.width * c.out_channels;
    const auto x = random_floats(in, 1);
    const auto dy = random_floats(out, 2);
    const auto w = random_floats(
        static_cast<std::size_t>(c.out_channels) * c.kernel * c.kernel * c.input.channels, 3);
    const auto device_x = to_device(*backend, x);
    const auto device_dy = to_device(*backend, dy);
    const auto device_w = to_device(*backend, w);
    Buffer<float> y(*backend, out);
    Buffer<float> dx(*backend, in);
    Buffer<float> dw(*backend, w.size());
    const auto conv = backend->make_conv2d(shape);
    conv->prepare(c.n);
    conv->load_filter(device_w.data());
    conv->forward(c.n, device_x.data(), y.data());
    conv->backward_input(c.n, device_dy.data(), dx.data());
    conv->backward_filter(c.n, device_x.data(), device_dy.data(), GradMode::overwrite);
    conv->store_filter_gradient(dw.data());
    const double k = c.kernel * c.kernel;
    const double pixels = static_cast<double>(c.n) * c.input.height * c.input.width;
    CHECK(relative_error(to_host(y), reference::conv2d(shape, c.n, widen(x), widen(w))) <
          sum_tolerance(k * c.input.channels));
    CHECK(relative_error(to_host(dx),
                         reference::conv2d_input_gradient(shape, c.n, widen(dy), widen(w))) <
          sum_tolerance(k * c.out_channels));
    CHECK(relative_error(to_host(dw),
                         reference::conv2d_filter_gradient(shape, c.n, widen(x), widen(dy))) <
          sum_tolerance(pixels));
  }
}

TEST_CASE("conv2d filter gradients add up over micro-batches of different sizes") {
  const auto backend = test_backend();
  const Conv2dShape shape{{6, 5, 7}, 18, 3};
  const auto conv = backend->make_conv2d(shape);
  const std::size_t per_x = shape.input.size();
  const std::size_t per_y = 6 * 5 * 18;
  const auto x = random_floats(11 * per_x, 4);
  const auto dy = random_floats(11 * per_y, 5);
  const auto device_x = to_device(*backend, x);
  const auto device_dy = to_device(*backend, dy);
  Buffer<float> dw(*backend, 18 * 9 * 7);
  for (const int n : {1, 4, 3}) conv->prepare(n);
  for (int repeat = 0; repeat < 2; ++repeat) {  // the second time must forget the first
    std::size_t done = 0;
    for (const int n : {4, 4, 3}) {
      conv->backward_filter(n, device_x.data() + done * per_x, device_dy.data() + done * per_y,
                            done == 0 ? GradMode::overwrite : GradMode::accumulate);
      done += static_cast<std::size_t>(n);
    }
    conv->store_filter_gradient(dw.data());
    CHECK(relative_error(to_host(dw),
                         reference::conv2d_filter_gradient(shape, 11, widen(x), widen(dy))) <
          sum_tolerance(11 * 30));
  }
}

TEST_CASE("conv2d may leave out trailing outputs that nobody uses, and nothing else changes") {
  const auto backend = test_backend();
  for (const UsedPart& c : kUsedParts) {
    const int n = 3;
    const int out_channels = 18;
    const Conv2dShape full{c.input, out_channels, c.kernel};
    const Conv2dShape used{c.input, out_channels, c.kernel, c.used_height, c.used_width};
    const auto conv = backend->make_conv2d(used);
    const ImageShape out = conv->output();
    CAPTURE(c.input.height, c.input.width, c.kernel, out.height, out.width);
    CHECK((out.height >= c.used_height && out.height <= c.input.height));
    CHECK((out.width >= c.used_width && out.width <= c.input.width));
    const auto x = random_floats(n * c.input.size(), 31);
    const auto w = random_floats(
        static_cast<std::size_t>(out_channels) * c.kernel * c.kernel * c.input.channels, 32);
    const auto small_dy = random_floats(n * out.size(), 33);
    // The full twin: the outputs that were left out get no gradient.
    const auto full_y = reference::conv2d(full, n, widen(x), widen(w));
    reference::Values y(n * out.size());
    reference::Values dy(full_y.size());
    for (int i = 0; i < n; ++i)
      for (int r = 0; r < out.height; ++r)
        for (int col = 0; col < out.width; ++col)
          for (int o = 0; o < out_channels; ++o) {
            const std::size_t small =
                ((static_cast<std::size_t>(i) * out.height + r) * out.width + col) * out_channels +
                o;
            const std::size_t large =
                ((static_cast<std::size_t>(i) * c.input.height + r) * c.input.width + col) *
                    out_channels +
                o;
            y[small] = full_y[large];
            dy[large] = small_dy[small];
          }
    const auto device_x = to_device(*backend, x);
    const auto device_w = to_device(*backend, w);
    const auto device_dy = to_device(*backend, small_dy);
    Buffer<float> found_y(*backend, y.size());
    Buffer<float> dx(*backend, x.size());
    Buffer<float> dw(*backend, w.size());
    conv->prepare(n);
    conv->load_filter(device_w.data());
    conv->forward(n, device_x.data(), found_y.data());
    conv->backward_input(n, device_dy.data(), dx.data());
    conv->backward_filter(n, device_x.data(), device_dy.data(), GradMode::overwrite);
    conv->store_filter_gradient(dw.data());
    CHECK(relative_error(to_host(found_y), y) <
          sum_tolerance(c.kernel * c.kernel * c.input.channels));
    CHECK(relative_error(to_host(dx), reference::conv2d_input_gradient(full, n, dy, widen(w))) <
          sum_tolerance(c.kernel * c.kernel * out_channels));
    CHECK(relative_error(to_host(dw), reference::conv2d_filter_gradient(full, n, widen(x), dy)) <
          sum_tolerance(n * 49));
  }
}

TEST_CASE("conv2d on the CPU leaves out as many rows as half the kernel allows", "[cpu]") {
  const auto backend = make_backend({.device = "cpu"});
  for (const UsedPart& c : kUsedParts) {
    const auto conv = backend->make_conv2d({c.input, 18, c.kernel, c.used_height, c.used_width});
    CHECK(conv->output().height == std::max(c.used_height, c.input.height - c.kernel / 2));
  }
}

TEST_CASE("conv2d refuses a batch size it was not prepared for and an even kernel") {
  const auto backend = test_backend();
  const auto conv = backend->make_conv2d({{4, 4, 1}, 2, 3});
  float value = 0.0F;
  CHECK_THROWS_AS(conv->forward(3, &value, &value), Error);
  CHECK_THROWS_AS(backend->make_conv2d({{4, 4, 1}, 2, 2}), Error);
}
