// SPDX-License-Identifier: MIT
// Right kernels give right results, in every order of threads and blocks.
#include <algorithm>
#include <numeric>

#include "selftest.h"

using namespace selftest;

TEST_CASE("a block sum with shuffles, shared memory and an atomic") {
  const Harness harness;
  for (const int n : {1, 31, 33, 10001}) {
    const auto values = random_values(std::size_t(n), 1);
    const Device<float> x(values);
    const Device<float> sum(std::vector<float>{0.0f});
    REQUIRE(block_sum(x, sum, n, harness.stream) == cudaSuccess);
    REQUIRE(harness.finish() == cudaSuccess);
    CHECK(sum.host()[0] == Approx(std::accumulate(values.begin(), values.end(), 0.0)).margin(1e-3));
  }
}

TEST_CASE("vector loads and stores") {
  const Harness harness;
  auto p = random_values(1028, 1);
  auto v = random_values(1028, 2);
  const auto g = random_values(1028, 3);
  const Device<float> dp(p);
  const Device<float> dv(v);
  const Device<float> dg(g);
  REQUIRE(momentum(dp, dv, dg, 0.9f, 0.1f, 1028, harness.stream) == cudaSuccess);
  REQUIRE(harness.finish() == cudaSuccess);
  for (std::size_t i = 0; i < p.size(); ++i) {
    v[i] = 0.9f * v[i] + g[i];
    p[i] -= 0.1f * v[i];
  }
  CHECK(difference(dp.host(), p) < 1e-6);
  CHECK(difference(dv.host(), v) < 1e-6);
}

TEST_CASE("two shared tiles, two-dimensional blocks, two instances of a template") {
  const Harness harness;
  const int tile = GENERATE(8, 16);
  const int m = GENERATE(1, 15, 17, 50);
  const int k = 37;
  const auto x = random_values(std::size_t(m * k), 4);
  const Device<float> dx(x);
  const Device<float> c(std::size_t(m * m));
  REQUIRE(gram(dx, c, m, k, tile, harness.stream) == cudaSuccess);
  REQUIRE(harness.finish() == cudaSuccess);
  std::vector<float> expected;
  for (int i = 0; i < m; ++i) {
    for (int j = 0; j < m; ++j) {
      const float* row = x.data() + i * k;
      expected.push_back(float(std::inner_product(row, row + k, x.data() + j * k, 0.0)));
    }
  }
  CHECK(difference(c.host(), expected) < 1e-4);
}

template <typename T, typename Narrow>
static void check_product(int m, Narrow narrow) {
  const Harness harness;
  std::vector<T> a;
  std::vector<T> b;
  for (const float value : random_values(32 * 32, 5)) a.push_back(narrow(value));
  for (const float value : random_values(32 * 32, 6)) b.push_back(narrow(value));
  const Device<T> da(a);
  const Device<T> db(b);
  const Device<float> c(std::vector<float>(32 * 32, 0.0f));
  REQUIRE(product(da.get(), db.get(), c, m, harness.stream) == cudaSuccess);
  REQUIRE(harness.finish() == cudaSuccess);
  std::vector<float> expected(32 * 32, 0.0f);
  const int columns = m == 32 ? 8 : 32;  // one tile of 8 columns, see the kernel
  for (int i = 0; i < 32; ++i) {
    for (int j = 0; j < columns; ++j) {
      double sum = 0.0;
      for (int l = 0; l < 32; ++l) {
        sum +=
            double(float(a[std::size_t(i * 32 + l)])) * double(float(b[std::size_t(l * 32 + j)]));
      }
      expected[std::size_t(i * 32 + j)] = float(sum);
    }
  }
  CHECK(difference(c.host(), expected) < 1e-5);
}

TEST_CASE("wmma in three shapes and two types, tiles in dynamic shared memory") {
  const int m = GENERATE(16, 32, 8);
  check_product<__nv_bfloat16>(m, [](float v) { return __float2bfloat16(v); });
  check_product<__half>(m, [](float v) { return __float2half(v); });
}

TEST_CASE("votes and counting barriers") {
  const Harness harness;
  const Device<int> out(64 * 6);
  REQUIRE(votes(out, harness.stream) == cudaSuccess);
  REQUIRE(harness.finish() == cudaSuccess);
  const auto found = out.host();
  const std::vector<int> expected{int(0xaaaaaaaau), 1, 0, 32, 0, 1};
  for (std::size_t thread = 0; thread < 64; ++thread) {
    CHECK(std::equal(expected.begin(), expected.end(), found.begin() + long(thread) * 6));
  }
}

TEST_CASE("shuffles in groups of eight") {
  const Harness harness;
  const Device<float> out(32 * 5);
  REQUIRE(shuffles(out, harness.stream) == cudaSuccess);
  REQUIRE(harness.finish() == cudaSuccess);
  const auto found = out.host();
  for (int lane = 0; lane < 32; ++lane) {
    const int base = lane / 8 * 8;
    const float expected[] = {float(lane == base ? lane : lane - 1),
                              float(lane == base + 7 ? lane : lane + 1), float(lane ^ 3),
                              float(base + 2), float(31 - lane)};
    CHECK(std::equal(expected, expected + 5, found.begin() + lane * 5));
  }
}

TEST_CASE("atomics") {
  const Harness harness;
  const Device<int> ints(std::vector<int>(5, 0));
  const Device<unsigned> unsigneds(std::vector<unsigned>{0, 0, 0, 0, 0xffffffffu});
  const Device<double> doubles(std::vector<double>{0.0});
  REQUIRE(atomics(ints, unsigneds, doubles, harness.stream) == cudaSuccess);
  REQUIRE(harness.finish() == cudaSuccess);
  CHECK(ints.host() == std::vector<int>{127 * 64, 127, -127, -128, 7});
  // 128 steps: up to 99 and 28 more; from 0 to 49 and 127 down, 50 a round.
  CHECK(unsigneds.host() == std::vector<unsigned>{128, 28, 22, 0xffffffffu, 0});
  CHECK(doubles.host()[0] == 64.0);
}

TEST_CASE("three-dimensional indices") {
  const Harness harness;
  const dim3 grid(2, 3, 2);
  const dim3 block(4, 2, 8);
  const Device<int> out(12 * 64);
  REQUIRE(indices(out, grid, block, harness.stream) == cudaSuccess);
  REQUIRE(harness.finish() == cudaSuccess);
  const auto found = out.host();
  for (int i = 0; i < 12 * 64; ++i) {
    const int thread = i % 64;
    CHECK(found[std::size_t(i)] ==
          thread % 4 + 10 * (thread / 4 % 2) + 100 * (thread / 8) + 1000 * (i / 64));
  }
}

TEST_CASE("the last block finds the sums of all, again and again") {
  const Harness harness;
  const auto variant = GENERATE(LastBlock::right, LastBlock::fence_by_all);
  const auto values = random_values(5000, 7);
  const Device<float> x(values);
  const Device<float> partials(8 * 256);
  const Device<unsigned> counter(std::vector<unsigned>{0});
  const Device<float> sum(1);
  for (int round = 0; round < 2; ++round) {
    REQUIRE(last_block_sum(variant, x, partials, counter, sum, 5000, harness.stream) ==
            cudaSuccess);
    REQUIRE(harness.finish() == cudaSuccess);
    CHECK(sum.host()[0] == Approx(std::accumulate(values.begin(), values.end(), 0.0)).margin(1e-3));
    CHECK(counter.host()[0] == 0);
  }
}

// The order in which 8 blocks of 32 threads ran.
static std::vector<int> order_of_run() {
  const Harness harness;
  const Device<int> log(256);
  const Device<unsigned> next(std::vector<unsigned>{0});
  REQUIRE(run_order(log, next, 8, 32, harness.stream) == cudaSuccess);
  REQUIRE(harness.finish() == cudaSuccess);
  return log.host();
}
static std::vector<int> order_of_run(int order) {
  const Harness harness;
  simt::set_order(order);
  return order_of_run();
}
static std::vector<int> forwards() {
  std::vector<int> result(256);
  std::iota(result.begin(), result.end(), 0);
  return result;
}

TEST_CASE("threads and blocks run forwards, backwards or shuffled") {
  auto backwards = forwards();
  std::reverse(backwards.begin(), backwards.end());
  CHECK(order_of_run(0) == forwards());
  CHECK(order_of_run(-1) == backwards);
  const auto one = order_of_run(1);
  CHECK(one != forwards());
  CHECK(std::is_permutation(one.begin(), one.end(), backwards.begin()));
  CHECK(order_of_run(1) == one);  // the seed decides
  CHECK(order_of_run(2) != one);
  const auto earlier_block = [](int a, int b) { return a / 32 < b / 32; };
  CHECK_FALSE(std::is_sorted(one.begin(), one.end(), earlier_block));
}

TEST_CASE("shared memory: limits, opt-in, and the largest use is noted") {
  const Harness harness;
  const Device<float> out(1);
  CHECK(use_dynamic(out, 100, 49 << 10, false, harness.stream) == cudaErrorInvalidValue);
  CHECK(use_dynamic(out, 100, 228 << 10, true, harness.stream) == cudaErrorInvalidValue);
  simt::stats = {};
  REQUIRE(use_dynamic(out, 20 << 10, 80 << 10, true, harness.stream) == cudaSuccess);
  REQUIRE(harness.finish() == cudaSuccess);
  CHECK(out.host()[0] == float((20 << 10) - 1));
  CHECK(simt::stats.max_shared == 80 << 10);
}

TEST_CASE("launch limits") {
  const Harness harness;
  const Device<int> out(1024);
  const auto refused = cudaErrorInvalidConfiguration;
  CHECK(indices(out, dim3(1), dim3(1025), harness.stream) == refused);
  CHECK(indices(out, dim3(0), dim3(32), harness.stream) == refused);
  CHECK(indices(out, dim3(1, 65536), dim3(1), harness.stream) == refused);
  CHECK(indices(out, dim3(1), dim3(1, 1, 65), harness.stream) == refused);
  CHECK(cudaGetLastError() == refused);
  CHECK(cudaGetLastError() == cudaSuccess);
  CHECK(indices(out, dim3(1), dim3(1024), harness.stream) == cudaSuccess);
}

TEST_CASE("launches are counted under the kernel's name") {
  const Harness harness;
  const Device<float> x(std::vector<float>(8, 1.0f));
  simt::clear_counts();
  simt::stats = {};
  REQUIRE(scale(x, 2.0f, 8, harness.stream) == cudaSuccess);
  REQUIRE(scale(x, 2.0f, 8, harness.stream) == cudaSuccess);
  REQUIRE(harness.finish() == cudaSuccess);
  CHECK(simt::kernel_launches("scale_kernel") == 2);
  CHECK(simt::kernel_launches("block_sum") == 0);
  CHECK(simt::stats.launches == 2);
  CHECK(simt::stats.threads == 512);
}
