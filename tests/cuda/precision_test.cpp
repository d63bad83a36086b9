// SPDX-License-Identifier: MIT
// tf32 and bf16: rounding where it is meant to be and nowhere else.
#include <cstring>

#include "catch.h"
#include "reference.h"
#include "toy.h"

using namespace dropmuon;

namespace {

// Half a unit in the last place of the operands, relative: bf16 keeps 8 bits, tf32 11, fp32 24.
double rounding(Precision precision) {
  switch (precision) {
    case Precision::bf16:
      return 0x1p-9;
    case Precision::tf32:
      return 0x1p-12;
    case Precision::fp32:
      break;
  }
  return 0x1p-25;
}

struct Convolved {
  double y = 0.0;
  double dx = 0.0;
  double dw = 0.0;
};

// Relative errors against the double reference.
Convolved convolution_errors(Precision precision, const Conv2dShape& shape, int n) {
  const auto backend = on_cuda(true, precision);
  const auto images = static_cast<std::size_t>(n);
  const std::size_t pixels = images * shape.input.height * shape.input.width;
  const auto x = random_floats(images * shape.input.size(), 1);
  const auto dy = random_floats(pixels * shape.out_channels, 2);
  const auto w = random_floats(static_cast<std::size_t>(shape.out_channels) * shape.kernel *
                                   shape.kernel * shape.input.channels,
                               3);
  const auto device_x = to_device(*backend, x);
  const auto device_dy = to_device(*backend, dy);
  const auto device_w = to_device(*backend, w);
  const Buffer<float> y(*backend, dy.size());
  const Buffer<float> dx(*backend, x.size());
  const Buffer<float> dw(*backend, w.size());
  const auto conv = backend->make_conv2d(shape);
  conv->prepare(n);
  conv->load_filter(device_w.data());
  conv->forward(n, device_x.data(), y.data());
  conv->backward_input(n, device_dy.data(), dx.data());
  conv->backward_filter(n, device_x.data(), device_dy.data(), GradMode::overwrite);
  conv->store_filter_gradient(dw.data());
  using namespace reference;
  return {relative_error(to_host(y), conv2d(shape, n, widen(x), widen(w))),
          relative_error(to_host(dx), conv2d_input_gradient(shape, n, widen(dy), widen(w))),
          relative_error(to_host(dw), conv2d_filter_gradient(shape, n, widen(x), widen(dy)))};
}

// How many of the values would change if they were stored in bf16.
double share_beyond_bf16(const std::vector<float>& values) {
  std::size_t count = 0;
  for (const float value : values) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, &value, sizeof(bits));
    count += (bits & 0xffffU) != 0 ? 1 : 0;
  }
  return static_cast<double>(count) / static_cast<double>(values.size());
}

}  // namespace

TEST_CASE("reduced precisions round the operands of a convolution and nothing else", "[cuda]") {
  for (const Conv2dShape& shape : {Conv2dShape{{7, 6, 3}, 8, 3}, Conv2dShape{{8, 8, 16}, 16, 3},
                                   Conv2dShape{{5, 5, 2}, 5, 5}, Conv2dShape{{4, 5, 31}, 7, 1}}) {
    for (const Precision precision : {Precision::tf32, Precision::bf16}) {
      CAPTURE(static_cast<int>(precision), shape.input.channels, shape.kernel);
      const Convolved errors = convolution_errors(precision, shape, 3);
      // Two operands rounded and perhaps the result: in the 2-norm below 3 units of the worst case.
      for (const double error : {errors.y, errors.dx, errors.dw}) {
        CHECK(error < 3.0 * rounding(precision) + 1e-6);
      }
      // bf16 must not be fp32 in disguise; tf32 may be, on a device that does not round.
      if (precision == Precision::bf16) CHECK(errors.y > 0.1 * rounding(precision));
    }
  }
}

TEST_CASE("fp32 does not round operands: tf32 is only taken when asked for", "[cuda]") {
  const Convolved errors = convolution_errors(Precision::fp32, {{8, 8, 16}, 16, 3}, 3);
  for (const double error : {errors.y, errors.dx, errors.dw}) CHECK(error < 1e-6);
}

// Each of some tens of roundings in a step moves the loss by a fraction of its unit. SGD passes
// such an error on; Muon amplifies it in directions the gradient hardly has. Measured differences
// were at most a sixth of these bars, mostly a thirtieth.
TEST_CASE("training in tf32 and bf16 gives nearly the losses of fp32", "[cuda]") {
  const ToyNet net = toy_nets()[1];
  const Dataset data = toy_dataset(net.image);
  for (const auto& [name, optimizer] : toy_optimizers()) {
    Experiment experiment = toy_experiment(net);
    experiment.optimizer = optimizer;
    experiment.sampling.scheme = SamplingScheme::uniform;
    const auto train = [&](Precision precision) {
      ToyRun run(on_cuda(true, precision), experiment, data);
      const double before = run.trainer().evaluate_test().loss;
      run.steps(0, 20);
      const double after = run.trainer().evaluate_test().loss;
      CHECK(after < before);
      // Weights stay fp32, whatever the operands.
      for (std::size_t p = 0; p < run.trainer().network().params().size(); ++p) {
        CHECK(share_beyond_bf16(run.weights(p)) > 0.5);
      }
      return std::pair{before, after};
    };
    const auto exact = train(Precision::fp32);
    for (const Precision precision : {Precision::tf32, Precision::bf16}) {
      CAPTURE(name, static_cast<int>(precision));
      const auto found = train(precision);
      CHECK(found.first == Approx(exact.first).epsilon(10.0 * rounding(precision)));
      CHECK(found.second == Approx(exact.second).epsilon(50.0 * rounding(precision)));
    }
  }
}

TEST_CASE("master weights keep updates far below the resolution of bf16", "[cuda]") {
  const ToyNet net = toy_nets()[0];
  const Dataset data = toy_dataset(net.image);
  Experiment experiment = toy_experiment(net);
  experiment.optimizer = {.type = OptimizerType::sgd, .lr = 1e-5, .momentum = 0.0};
  experiment.sampling.scheme = SamplingScheme::full;
  experiment.schedule = {};
  const auto moved = [&](Precision precision) {
    ToyRun run(on_cuda(true, precision), experiment, data);
    const std::vector<float> before = run.weights(0);
    run.steps(0, 20);
    std::vector<float> after = run.weights(0);
    double largest = 0.0;  // of the moves, relative to the weight
    for (std::size_t i = 0; i < after.size(); ++i) {
      after[i] -= before[i];
      largest = std::max(largest, std::abs(double{after[i]} / before[i]));
    }
    return std::pair{after, largest};
  };
  const auto [fp32, largest] = moved(Precision::fp32);
  const auto [bf16, ignored] = moved(Precision::bf16);
  CHECK(largest < 0x1p-9);  // twenty steps together would be lost in a bf16 weight
  CHECK(relative_error(bf16, widen(fp32)) < 0.05);
}
