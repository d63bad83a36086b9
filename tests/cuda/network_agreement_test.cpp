// SPDX-License-Identifier: MIT
// CPU and GPU agree on every operation of forward and backward.
#include <fmt/format.h>

#include "op_case.h"

using namespace dropmuon;

namespace {

std::vector<std::uint8_t> random_bytes(std::size_t count, std::uint32_t bound, std::uint64_t seed) {
  Random random(seed, Purpose::synthetic_data, 7);
  std::vector<std::uint8_t> bytes(count);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random.below(bound));
  return bytes;
}

OpCase gather(const ImageShape& image, int n, bool move) {
  return {
      fmt::format("gather {}x{}x{} n {} {}", image.height, image.width, image.channels, n,
                  move ? "moved" : "plain"),
      [=](Backend& backend) -> Outputs {
        constexpr int kImages = 9;
        const auto channels = static_cast<std::size_t>(image.channels);
        const auto images = to_device(backend, random_bytes(kImages * image.size(), 256, 1));
        const auto labels = to_device(backend, random_bytes(kImages, 10, 2));
        std::vector<std::int32_t> indices;
        std::vector<Augmentation> moves;
        for (int i = 0; i < n; ++i) {
          indices.push_back((5 * i + 2) % kImages);
          moves.push_back({static_cast<std::int8_t>(i % 7 - 3), static_cast<std::int8_t>(5 - i % 9),
                           static_cast<std::int8_t>(i % 2)});
        }
        const auto device_indices = to_device(backend, indices);
        const auto device_moves = to_device(backend, moves);
        const auto mean = to_device(backend, std::vector<float>(channels, 0.3F));
        const auto inverse_std = to_device(backend, random_floats(channels, 3));
        const auto count = static_cast<std::size_t>(n);
        const auto x = unwritten(backend, count * image.size());
        const Buffer<std::uint8_t> y(backend, count);
        backend.gather_batch({n, image, images.data(), labels.data(), device_indices.data(),
                              move ? device_moves.data() : nullptr, mean.data(), inverse_std.data(),
                              x.data(), y.data()});
        return {{"x", to_host(x)}, {"y", as_floats(y)}};
      },
      1e-6};
}

// Convolution, bias, ReLU and pooling both ways, as a layer uses them: the devices may compute
// different numbers of rows that no pooling window needs.
OpCase conv_block(const Conv2dShape& full, int pool, int n) {
  const ImageShape& in = full.input;
  return {fmt::format("conv {}x{}x{} to {}, kernel {}, pool {}, n {}", in.height, in.width,
                      in.channels, full.out_channels, full.kernel, pool, n),
          [=](Backend& backend) -> Outputs {
            Conv2dShape shape = full;
            shape.used_height = in.height / pool * pool;
            shape.used_width = in.width / pool * pool;
            const auto conv = backend.make_conv2d(shape);
            conv->prepare(n);
            const auto images = static_cast<std::size_t>(n);
            const auto channels = static_cast<std::size_t>(full.out_channels);
            const auto weights = channels * full.kernel * full.kernel * in.channels;
            const std::size_t outputs = images * (in.height / pool) * (in.width / pool) * channels;
            const auto x = to_device(backend, random_floats(images * in.size(), 11));
            const auto w = to_device(backend, random_floats(weights, 12));
            const auto bias = to_device(backend, random_floats(channels, 13));
            const auto dout = to_device(backend, random_floats(outputs, 14));
            const auto y = unwritten(backend, images * conv->output().size());
            const auto out = unwritten(backend, outputs);
            const Buffer<std::uint8_t> winner(backend, outputs);
            const auto dx = unwritten(backend, images * in.size());
            const auto dw = unwritten(backend, weights);
            const auto dbias = unwritten(backend, channels);
            conv->load_filter(w.data());
            conv->forward(n, x.data(), y.data());
            backend.bias_relu_pool_forward(
                {n, conv->output(), pool, y.data(), bias.data(), out.data(), winner.data()});
            const std::vector<float> winners = as_floats(winner);
            for (const GradMode mode : {GradMode::overwrite, GradMode::accumulate}) {
              backend.bias_relu_pool_backward({n, conv->output(), pool, dout.data(), winner.data(),
                                               y.data(), dbias.data(), mode});
              conv->backward_filter(n, x.data(), y.data(), mode);
            }
            conv->backward_input(n, y.data(), dx.data());
            conv->store_filter_gradient(dw.data());
            return {{"out", to_host(out)},
                    {"winner", winners},
                    {"dx", to_host(dx)},
                    {"dw", to_host(dw)},
                    {"dbias", to_host(dbias)}};
          }};
}

// Without winners (inference) and without the bias gradient.
OpCase pool_without_extras(const ImageShape& shape, int pool, int n) {
  return {fmt::format("pool {}x{}x{} by {} without winner and dbias", shape.height, shape.width,
                      shape.channels, pool),
          [=](Backend& backend) -> Outputs {
            const auto images = static_cast<std::size_t>(n);
            const std::size_t outputs =
                images * (shape.height / pool) * (shape.width / pool) * shape.channels;
            const auto conv = to_device(backend, random_floats(images * shape.size(), 15));
            const auto bias =
                to_device(backend, random_floats(static_cast<std::size_t>(shape.channels), 16));
            auto winners = random_bytes(outputs, static_cast<std::uint32_t>(pool * pool), 17);
            for (std::size_t i = 0; i < outputs; i += 3) winners[i] = kNoWinner;
            const auto winner = to_device(backend, winners);
            const auto out = unwritten(backend, outputs);
            const auto dconv = unwritten(backend, images * shape.size());
            backend.bias_relu_pool_forward(
                {n, shape, pool, conv.data(), bias.data(), out.data(), nullptr});
            backend.bias_relu_pool_backward(
                {n, shape, pool, conv.data(), winner.data(), dconv.data(), nullptr});
            return {{"out", to_host(out)}, {"dconv", to_host(dconv)}};
          },
          0.0};
}

OpCase average_pool(const ImageShape& shape, int n) {
  return {fmt::format("average pool {}x{}x{}", shape.height, shape.width, shape.channels),
          [=](Backend& backend) -> Outputs {
            const auto images = static_cast<std::size_t>(n);
            const auto channels = static_cast<std::size_t>(shape.channels);
            const auto image = to_device(backend, random_floats(images * shape.size(), 18));
            const auto pooled = unwritten(backend, images * channels);
            const auto back = unwritten(backend, images * shape.size());
            backend.average_pool_forward({n, shape, image.data(), pooled.data()});
            backend.average_pool_backward({n, shape, back.data(), pooled.data()});
            return {{"pooled", to_host(pooled)}, {"image", to_host(back)}};
          }};
}

OpCase matmul(int m, int n, int k, Transpose ta, Transpose tb) {
  return {fmt::format("matmul {}x{}x{} {}{}", m, n, k, ta == Transpose::yes ? "t" : "n",
                      tb == Transpose::yes ? "t" : "n"),
          [=](Backend& backend) -> Outputs {
            const auto product = [](int a, int b) { return static_cast<std::size_t>(a) * b; };
            const auto a = to_device(backend, random_floats(product(m, k), 19));
            const auto b = to_device(backend, random_floats(product(k, n), 20));
            const auto c = unwritten(backend, product(m, n));
            const auto sum = to_device(backend, random_floats(product(m, n), 21));
            backend.matmul({m, n, k, a.data(), b.data(), c.data(), ta, tb, GradMode::overwrite});
            backend.matmul({m, n, k, a.data(), b.data(), sum.data(), ta, tb, GradMode::accumulate});
            return {{"c", to_host(c)}, {"accumulated", to_host(sum)}};
          }};
}

OpCase bias(int n, int features) {
  return {fmt::format("bias {}x{}", n, features), [=](Backend& backend) -> Outputs {
            const auto width = static_cast<std::size_t>(features);
            const auto values = to_device(backend, random_floats(width, 22));
            const auto y = to_device(backend, random_floats(width * n, 23));
            const auto dbias = unwritten(backend, width);
            const auto sum = to_device(backend, random_floats(width, 24));
            backend.add_bias({n, features, values.data(), y.data()});
            backend.bias_gradient({n, features, y.data(), dbias.data(), GradMode::overwrite});
            backend.bias_gradient({n, features, y.data(), sum.data(), GradMode::accumulate});
            return {{"y", to_host(y)}, {"dbias", to_host(dbias)}, {"accumulated", to_host(sum)}};
          }};
}

OpCase loss(int n, int classes, float size, bool gradient) {
  return {
      fmt::format("loss {}x{} of size {} {}", n, classes, size, gradient ? "" : "evaluated"),
      [=](Backend& backend) -> Outputs {
        auto logits = random_floats(static_cast<std::size_t>(n) * classes, 25);
        for (float& value : logits) value *= size;
        const auto device_logits = to_device(backend, logits);
        const auto labels = to_device(
            backend,
            random_bytes(static_cast<std::size_t>(n), static_cast<std::uint32_t>(classes), 26));
        auto dlogits = unwritten(backend, logits.size());
        if (!gradient) dlogits.zero();
        Buffer<LossSums> sums(backend, 1);
        sums.zero();
        for (int batch = 0; batch < 2; ++batch) {
          backend.softmax_cross_entropy({n, classes, device_logits.data(), labels.data(),
                                         gradient ? dlogits.data() : nullptr, 0.25F, sums.data()});
        }
        const LossSums total = to_host(sums)[0];
        return {{"dlogits", to_host(dlogits)},
                {"loss", {static_cast<float>(total.loss)}},
                {"counts", {static_cast<float>(total.correct), static_cast<float>(total.count)}}};
      }};
}

}  // namespace

TEST_CASE("CPU and GPU gather the same batches", "[cuda]") {
  check_agreement({gather({1, 1, 1}, 1, false), gather({1, 1, 1}, 9, true),
                   gather({5, 7, 1}, 1, true), gather({12, 12, 1}, 8, false),
                   gather({7, 6, 3}, 5, true), gather({9, 11, 4}, 33, true)});
}

TEST_CASE("CPU and GPU agree on convolution blocks", "[cuda]") {
  check_agreement({conv_block({{1, 1, 1}, 1, 1}, 1, 1), conv_block({{5, 4, 1}, 3, 3}, 1, 2),
                   conv_block({{7, 7, 3}, 5, 3}, 2, 1), conv_block({{8, 10, 4}, 17, 3}, 2, 3),
                   conv_block({{10, 11, 2}, 8, 5}, 3, 2), conv_block({{7, 7, 16}, 33, 3}, 2, 2),
                   conv_block({{4, 3, 31}, 8, 1}, 2, 5), conv_block({{12, 12, 8}, 16, 3}, 2, 8),
                   conv_block({{3, 3, 2}, 5, 7}, 3, 4)});
}

TEST_CASE("CPU and GPU agree on pooling that keeps nothing", "[cuda]") {
  check_agreement({pool_without_extras({1, 1, 1}, 1, 1), pool_without_extras({7, 5, 33}, 2, 3),
                   pool_without_extras({9, 10, 3}, 3, 2), pool_without_extras({6, 6, 1}, 6, 1)});
}

TEST_CASE("CPU and GPU agree on the average pool", "[cuda]") {
  check_agreement({average_pool({1, 1, 1}, 1), average_pool({3, 5, 7}, 3),
                   average_pool({7, 7, 33}, 2), average_pool({2, 1, 64}, 9)});
}

TEST_CASE("CPU and GPU agree on matrix products", "[cuda]") {
  std::vector<OpCase> cases;
  for (const Transpose ta : {Transpose::no, Transpose::yes}) {
    for (const Transpose tb : {Transpose::no, Transpose::yes}) {
      cases.push_back(matmul(1, 1, 1, ta, tb));
      cases.push_back(matmul(1, 10, 33, ta, tb));
      cases.push_back(matmul(33, 31, 65, ta, tb));
      cases.push_back(matmul(8, 10, 576, ta, tb));
    }
  }
  check_agreement(cases);
}

TEST_CASE("CPU and GPU agree on biases", "[cuda]") {
  check_agreement({bias(1, 1), bias(1, 10), bias(33, 10), bias(7, 257), bias(300, 3)});
}

TEST_CASE("CPU and GPU agree on the loss and its gradient", "[cuda]") {
  check_agreement({loss(1, 1, 1.0F, true), loss(7, 10, 1.0F, true), loss(33, 10, 1e4F, true),
                   loss(5, 256, 3.0F, true), loss(300, 2, 1.0F, true), loss(8, 10, 1.0F, false)});
}
