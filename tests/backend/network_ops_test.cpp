// SPDX-License-Identifier: MIT
// Every network operation but the convolution (conv2d_test.cpp) against its scalar double twin, at
// odd and tiny sizes.
#include "catch.h"
#include "compare.h"
#include "reference.h"
#include "test_backend.h"
#include <dropmuon/core/error.h>

using namespace dropmuon;

TEST_CASE("bias, ReLU and pooling agree with the scalar twin both ways") {
  const auto backend = test_backend();
  struct Case {
    ImageShape conv;
    int pool;
    int n;
  };
  for (const Case& c : {Case{{1, 1, 1}, 1, 1}, Case{{2, 2, 3}, 2, 1}, Case{{5, 7, 31}, 2, 3},
                        Case{{7, 5, 33}, 3, 2}, Case{{4, 4, 64}, 1, 5}, Case{{13, 13, 17}, 2, 4},
                        Case{{15, 16, 5}, 15, 2}, Case{{9, 9, 1}, 4, 3}}) {
    CAPTURE(c.conv.height, c.conv.width, c.conv.channels, c.pool, c.n);
    const auto x = random_floats(static_cast<std::size_t>(c.n) * c.conv.size(), 6);
    const auto bias = random_floats(static_cast<std::size_t>(c.conv.channels), 7);
    const auto expected = reference::bias_relu_pool(c.conv, c.pool, c.n, widen(x), widen(bias));
    const auto device_x = to_device(*backend, x);
    const auto device_bias = to_device(*backend, bias);
    Buffer<float> out(*backend, expected.out.size());
    Buffer<std::uint8_t> winner(*backend, expected.out.size());
    BiasReluPoolForward forward{
        c.n, c.conv, c.pool, device_x.data(), device_bias.data(), out.data(), winner.data()};
    backend->bias_relu_pool_forward(forward);
    CHECK(relative_error(to_host(out), expected.out) < 3e-7);
    CHECK(to_host(winner) == expected.winner);
    const auto kept = to_host(out);
    forward.winner = nullptr;
    out.zero();
    backend->bias_relu_pool_forward(forward);
    CHECK(same_bits(to_host(out), kept));

    const auto dout = random_floats(expected.out.size(), 8);
    const auto gradients =
        reference::bias_relu_pool_gradient(c.conv, c.pool, c.n, widen(dout), expected.winner);
    const auto device_dout = to_device(*backend, dout);
    Buffer<float> dconv(*backend, x.size());
    Buffer<float> dbias(*backend, bias.size());
    backend->bias_relu_pool_backward({c.n, c.conv, c.pool, device_dout.data(), winner.data(),
                                      dconv.data(), dbias.data(), GradMode::overwrite});
    CHECK(relative_error(to_host(dconv), gradients.dconv) == 0.0);
    CHECK(relative_error(to_host(dbias), gradients.dbias) < sum_tolerance(c.n * 50.0));
    backend->bias_relu_pool_backward({c.n, c.conv, c.pool, device_dout.data(), winner.data(),
                                      dconv.data(), dbias.data(), GradMode::accumulate});
    auto doubled = gradients.dbias;
    for (double& value : doubled) value *= 2.0;
    CHECK(relative_error(to_host(dbias), doubled) < sum_tolerance(c.n * 50.0));
  }
}

TEST_CASE("a NaN in a convolution reaches the loss") {
  const auto backend = test_backend();
  const auto x = to_device(*backend, std::vector<float>{NAN, NAN, NAN, NAN});
  const auto bias = to_device(*backend, std::vector<float>{0.0F});
  Buffer<float> out(*backend, 1);
  backend->bias_relu_pool_forward({1, {2, 2, 1}, 2, x.data(), bias.data(), out.data(), nullptr});
  CHECK(std::isnan(to_host(out)[0]));
  const auto labels = to_device(*backend, std::vector<std::uint8_t>{0});
  Buffer<LossSums> sums(*backend, 1);
  sums.zero();
  backend->softmax_cross_entropy(
      {.n = 1, .classes = 1, .logits = out.data(), .labels = labels.data(), .sums = sums.data()});
  CHECK(std::isnan(to_host(sums)[0].loss));
  CHECK(to_host(sums)[0].correct == 0);
}

TEST_CASE("average pooling agrees with the scalar twin both ways") {
  const auto backend = test_backend();
  for (const ImageShape& shape : {ImageShape{1, 1, 1}, ImageShape{3, 5, 7}, ImageShape{2, 2, 33}}) {
    const int n = 3;
    const auto x = random_floats(n * shape.size(), 9);
    auto image = to_device(*backend, x);
    Buffer<float> pooled(*backend, static_cast<std::size_t>(n) * shape.channels);
    backend->average_pool_forward({n, shape, image.data(), pooled.data()});
    CHECK(relative_error(to_host(pooled), reference::average_pool(shape, n, widen(x))) < 1e-6);
    const auto dpooled = to_host(pooled);
    backend->average_pool_backward({n, shape, image.data(), pooled.data()});
    CHECK(relative_error(to_host(image),
                         reference::average_pool_gradient(shape, n, widen(dpooled))) < 1e-6);
  }
}

TEST_CASE("matrix products agree with the scalar twin, transposed or not, added or not") {
  const auto backend = test_backend();
  struct Case {
    int m, n, k;
  };
  for (const Case& c :
       {Case{1, 1, 1}, Case{1, 10, 33}, Case{7, 3, 31}, Case{32, 10, 2304}, Case{10, 257, 65}}) {
    for (const Transpose ta : {Transpose::no, Transpose::yes}) {
      for (const Transpose tb : {Transpose::no, Transpose::yes}) {
        CAPTURE(c.m, c.n, c.k, ta == Transpose::yes, tb == Transpose::yes);
        const auto a = random_floats(static_cast<std::size_t>(c.m) * c.k, 10);
        const auto b = random_floats(static_cast<std::size_t>(c.k) * c.n, 11);
        const auto plain_a =
            ta == Transpose::yes ? reference::transpose(c.k, c.m, widen(a)) : widen(a);
        const auto plain_b =
            tb == Transpose::yes ? reference::transpose(c.n, c.k, widen(b)) : widen(b);
        auto expected = reference::matmul(c.m, c.n, c.k, plain_a, plain_b);
        const auto device_a = to_device(*backend, a);
        const auto device_b = to_device(*backend, b);
        Buffer<float> result(*backend, expected.size());
        Matmul args{c.m,           c.n, c.k, device_a.data(),    device_b.data(),
                    result.data(), ta,  tb,  GradMode::overwrite};
        backend->matmul(args);
        CHECK(relative_error(to_host(result), expected) < sum_tolerance(c.k));
        args.mode = GradMode::accumulate;
        backend->matmul(args);
        for (double& value : expected) value *= 2.0;
        CHECK(relative_error(to_host(result), expected) < sum_tolerance(c.k));
      }
    }
  }
}

TEST_CASE("bias addition and its gradient agree with the scalar twin") {
  const auto backend = test_backend();
  const int n = 5;
  const int features = 13;
  auto y = random_floats(n * features, 12);
  const auto bias = random_floats(features, 13);
  const auto device_bias = to_device(*backend, bias);
  auto device_y = to_device(*backend, y);
  backend->add_bias({n, features, device_bias.data(), device_y.data()});
  std::vector<double> sums(features);
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j < features; ++j) {
      y[static_cast<std::size_t>(i * features + j)] += bias[static_cast<std::size_t>(j)];
      sums[static_cast<std::size_t>(j)] += y[static_cast<std::size_t>(i * features + j)];
    }
  }
  CHECK(same_bits(to_host(device_y), y));
  Buffer<float> dbias(*backend, features);
  backend->bias_gradient({n, features, device_y.data(), dbias.data(), GradMode::overwrite});
  backend->bias_gradient({n, features, device_y.data(), dbias.data(), GradMode::accumulate});
  for (double& value : sums) value *= 2.0;
  CHECK(relative_error(to_host(dbias), sums) < 1e-6);
}

TEST_CASE("oracle 24: softmax cross-entropy agrees with the scalar twin and survives +-1e4") {
  const auto backend = test_backend();
  const int n = 7;
  const int classes = 10;
  for (const float factor : {1.0F, 0.0F, 1e4F}) {
    auto logits = random_floats(n * classes, 14);
    for (float& value : logits) value *= factor;
    std::vector<std::uint8_t> labels;
    for (int i = 0; i < n; ++i) labels.push_back(static_cast<std::uint8_t>((3 * i) % classes));
    const auto expected = reference::softmax_cross_entropy(n, classes, widen(logits), labels);
    const auto device_logits = to_device(*backend, logits);
    const auto device_labels = to_device(*backend, labels);
    Buffer<float> dlogits(*backend, logits.size());
    Buffer<LossSums> sums(*backend, 1);
    sums.zero();
    backend->softmax_cross_entropy({n, classes, device_logits.data(), device_labels.data(),
                                    dlogits.data(), 1.0F / n, sums.data()});
    const LossSums found = to_host(sums)[0];
    CHECK(found.loss == Approx(expected.sum).epsilon(1e-6));
    CHECK(found.correct == expected.correct);
    CHECK(found.count == n);
    CHECK(relative_error(to_host(dlogits), expected.dlogits) < 1e-6);
    if (factor == 0.0F) CHECK(found.loss / n == Approx(2.302585).epsilon(1e-6));
  }
}

TEST_CASE("memory is counted, aligned and given back") {
  const auto backend = test_backend();
  const std::size_t own = backend->allocated_bytes();  // a GPU has workspaces
  if (testing_cpu()) CHECK(own == 0);
  {
    Buffer<float> a(*backend, 3);
    Buffer<float> b = std::move(a);
    CHECK(reinterpret_cast<std::uintptr_t>(b.data()) % 64 == 0);
    CHECK(a.data() == nullptr);
    CHECK(backend->allocated_bytes() == own + 12);
  }
  CHECK(backend->allocated_bytes() == own);
  CHECK_THROWS_AS(backend->allocate(std::size_t{1} << 60), Error);
}
