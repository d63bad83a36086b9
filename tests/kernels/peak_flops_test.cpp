// SPDX-License-Identifier: MIT
#include "kernels/peak_flops.h"

#include "compare.h"
#include "device_array.h"

namespace dropmuon::kernels {
namespace {

// x -> 0.999 x + 0.001 has the fixed point 1: after k steps a start s stands at 1 + 0.999^k (s -
// 1).
double expected_sum(int steps) {
  double sum = 0.0;
  for (int start = 0; start < 256 * 8; ++start) {
    sum += 1.0 + std::pow(static_cast<double>(0.999F), steps) * (start - 1.0);
  }
  return sum;
}

}  // namespace

TEST_CASE("fma_loop does the work that fma_loop_flops counts") {
  for (const int rounds : {1, 3}) {
    const int blocks = 5;
    const DeviceArray<float> out(blocks);
    finish(fma_loop(blocks, rounds, out.get(), test_stream()));
    const double flops = fma_loop_flops(blocks, rounds);
    const int steps = static_cast<int>(flops / (2.0 * blocks * 256 * 8));
    CHECK(flops == 2.0 * blocks * 256 * 8 * steps);
    CHECK(relative_error(out.host(), std::vector<double>(blocks, expected_sum(steps))) < 1e-5);
  }
}

TEST_CASE("fma_loop refuses nothing to do") {
  const DeviceArray<float> out(1);
  CHECK(fma_loop(0, 1, out.get(), test_stream()) == cudaErrorInvalidValue);
  CHECK(fma_loop(1, 0, out.get(), test_stream()) == cudaErrorInvalidValue);
}

}  // namespace dropmuon::kernels
