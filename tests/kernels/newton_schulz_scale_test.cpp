// SPDX-License-Identifier: MIT
// The normalization in front of the iteration.
#include <cmath>
#include <limits>

#include "kernels/newton_schulz/frobenius_scale.h"
#include "newton_schulz_oracle.h"

using namespace dropmuon;
using namespace dropmuon::kernels;

namespace {

std::vector<float> numbers(std::size_t size, unsigned seed, float factor) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(size);
  for (float& value : values) value = factor * normal(engine);
  return values;
}

double norm(const std::vector<float>& values) {
  long double sum = 0.0L;
  for (const float value : values) sum += static_cast<long double>(value) * value;
  return static_cast<double>(std::sqrt(sum));
}

}  // namespace

TEST_CASE("frobenius scale: any size and magnitude, many matrices in a launch", "[newton_schulz]") {
  const std::vector<std::size_t> sizes = {1,    2,    31,   33,    255,   256,     257,
                                          4095, 4096, 4097, 12288, 50001, 1048576, 1100003};
  const std::vector<float> factors = {1e-30F, 1e-12F, 1.0F, 1e12F, 1e36F};
  std::vector<std::vector<float>> values;
  std::vector<DeviceArray<float>> memory;
  for (std::size_t i = 0; i < 70; ++i) {  // two launches
    const std::size_t size = i < sizes.size() ? sizes[i] : 7 * i;
    values.push_back(numbers(size, static_cast<unsigned>(i), factors[i % factors.size()]));
    memory.emplace_back(values.back());
  }
  const DeviceArray<float> scales(values.size());
  std::vector<FrobeniusItem> items;
  for (std::size_t i = 0; i < values.size(); ++i) {
    items.push_back({memory[i].get(), values[i].size(), scales.get() + i});
  }
  const SplitScratch scratch;
  CHECK(frobenius_scale_launches(70, scratch.get()) == 2);
  finish(frobenius_scales(items.data(), 70, scratch.get(), test_stream()));
  CHECK(scratch.clean());
  const std::vector<float> found = scales.host();
  for (std::size_t i = 0; i < values.size(); ++i) {
    CAPTURE(i, values[i].size());
    CHECK(std::abs(found[i] * norm(values[i]) - 1.0) < 3e-7);
  }
  finish(frobenius_scales(items.data(), 70, scratch.get(), test_stream()));
  CHECK(same_bytes(scales.host(), found));

  const SplitScratch little(1024 + 511, 3);  // two at a time
  CHECK(frobenius_scale_launches(5, little.get()) == 3);
  finish(frobenius_scales(items.data(), 5, little.get(), test_stream()));
  CHECK(same_bytes(scales.host(), found));
}

TEST_CASE("frobenius scale: zero and almost zero stay finite, not-a-number is passed on",
          "[newton_schulz]") {
  const float denormal = std::numeric_limits<float>::denorm_min();
  const DeviceArray<float> zero(std::vector<float>(100, 0.0F));
  const DeviceArray<float> tiny(std::vector<float>(100, denormal));
  const DeviceArray<float> bad(std::vector<float>{1.0F, NAN, 2.0F});
  const DeviceArray<float> scales(3);
  const std::vector<FrobeniusItem> items = {{zero.get(), 100, scales.get()},
                                            {tiny.get(), 100, scales.get() + 1},
                                            {bad.get(), 3, scales.get() + 2}};
  const SplitScratch scratch;
  finish(frobenius_scales(items.data(), 3, scratch.get(), test_stream()));
  CHECK(scales.host()[0] == 1e30F);
  CHECK(scales.host()[1] == 1e30F);
  CHECK(std::isnan(scales.host()[2]));
}

TEST_CASE("scaled copy: with a scale, with a diagonal, in place", "[newton_schulz]") {
  for (const std::size_t n : {1U, 31U, 33U, 257U}) {
    const std::vector<float> values = numbers(n * n, 3, 1.0F);
    const DeviceArray<float> in(values);
    const DeviceArray<float> out(n * n);
    const DeviceArray<float> scale(std::vector<float>{0.5F});
    finish(scaled_copy(in.get(), scale.get(), 2.0F, n + 1, out.get(), n * n, test_stream()));
    finish(scaled_copy(in.get(), nullptr, 3.0F, n + 1, in.get(), n * n, test_stream()));
    std::vector<float> halved = values;
    std::vector<float> shifted = values;
    for (std::size_t i = 0; i < n * n; ++i) {
      halved[i] = 0.5F * values[i] + (i / n == i % n ? 2.0F : 0.0F);
      if (i / n == i % n) shifted[i] += 3.0F;
    }
    CHECK(same_bytes(out.host(), halved));
    CHECK(same_bytes(in.host(), shifted));
  }
}

TEST_CASE("frobenius scale: empty matrices and missing scratch are refused", "[newton_schulz]") {
  const DeviceArray<float> in(std::vector<float>(8, 1.0F));
  const DeviceArray<float> scale(1);
  const FrobeniusItem good = {in.get(), 8, scale.get()};
  const FrobeniusItem empty = {in.get(), 0, scale.get()};
  const SplitScratch scratch;
  const SplitScratch small(511, 4);
  const SplitScratch uncounted(4096, 0);
  CHECK(frobenius_scales(&empty, 1, scratch.get(), test_stream()) == cudaErrorInvalidValue);
  CHECK(frobenius_scales(&good, -1, scratch.get(), test_stream()) == cudaErrorInvalidValue);
  CHECK(frobenius_scales(&good, 1, small.get(), test_stream()) == cudaErrorInvalidValue);
  CHECK(frobenius_scales(&good, 1, uncounted.get(), test_stream()) == cudaErrorInvalidValue);
  CHECK(frobenius_scales(nullptr, 0, uncounted.get(), test_stream()) == cudaSuccess);
  CHECK(scaled_copy(in.get(), nullptr, 0.0F, 1, in.get(), 0, test_stream()) ==
        cudaErrorInvalidValue);
  CHECK(scaled_copy(in.get(), nullptr, 0.0F, 0, in.get(), 8, test_stream()) ==
        cudaErrorInvalidValue);
}
