// SPDX-License-Identifier: MIT
#include "kernels/convert.h"

#include <bit>
#include <cstdint>
#include <limits>

#include "compare.h"
#include "device_array.h"

namespace dropmuon::kernels {
namespace {

// Round to nearest, ties to even, on the bits.
std::uint16_t rounded(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<std::uint16_t>((bits + 0x7fffU + (bits >> 16 & 1U)) >> 16);
}

float widened(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

std::vector<float> values_to_round(std::size_t count) {
  std::vector<float> values = random_floats(count, 1);
  const std::vector<float> special = {0.0F,
                                      -0.0F,
                                      1.00390625F,   // halfway: to even, down
                                      1.01171875F,   // halfway: to even, up
                                      1.003906369F,  // just above halfway
                                      std::numeric_limits<float>::infinity(),
                                      -std::numeric_limits<float>::infinity(),
                                      std::numeric_limits<float>::max(),  // becomes infinity
                                      1e-40F};
  for (std::size_t i = 0; i < special.size() && i < count; ++i) {
    values[(i * 7 + 3) % count] = special[i];
  }
  return values;
}

const std::vector<std::size_t> kCounts = {1, 7, 8, 9, 31, 33, 2047, 2049, 1200003};

}  // namespace

TEST_CASE("to_bf16 rounds to nearest even at any length and alignment") {
  for (const std::size_t count : kCounts) {
    for (const std::size_t offset : {std::size_t{0}, std::size_t{1}}) {
      CAPTURE(count, offset);
      const std::vector<float> in = values_to_round(count);
      const DeviceArray<float> device_in(in, offset);
      const DeviceArray<std::uint16_t> out(count, offset);
      finish(to_bf16(count, device_in.get(), reinterpret_cast<__nv_bfloat16*>(out.get()),
                     test_stream()));
      std::vector<std::uint16_t> expected;
      for (const float value : in) expected.push_back(rounded(value));
      CHECK(same_bytes(out.host(), expected));
    }
  }
}

TEST_CASE("from_bf16 widens exactly and accumulates in fp32") {
  for (const std::size_t count : kCounts) {
    for (const std::size_t offset : {std::size_t{0}, std::size_t{1}}) {
      CAPTURE(count, offset);
      std::vector<std::uint16_t> in;
      std::vector<float> expected;
      for (const float value : values_to_round(count)) {
        in.push_back(rounded(value));
        expected.push_back(widened(in.back()));
      }
      const std::vector<float> old = random_floats(count, 2);
      const DeviceArray<std::uint16_t> device_in(in, offset);
      const auto* bf16 = reinterpret_cast<const __nv_bfloat16*>(device_in.get());
      const DeviceArray<float> out(count, offset), sum(old, offset);
      finish(from_bf16(count, bf16, out.get(), false, test_stream()));
      finish(from_bf16(count, bf16, sum.get(), true, test_stream()));
      CHECK(same_bytes(out.host(), expected));
      for (std::size_t i = 0; i < count; ++i) expected[i] += old[i];
      CHECK(same_bytes(sum.host(), expected));
    }
  }
}

TEST_CASE("convert keeps NaN a NaN") {
  const DeviceArray<float> in(std::vector<float>(9, NAN)), back(9);
  const DeviceArray<std::uint16_t> middle(std::vector<std::uint16_t>(9, 0));
  auto* bf16 = reinterpret_cast<__nv_bfloat16*>(middle.get());
  finish(to_bf16(9, in.get(), bf16, test_stream()));
  finish(from_bf16(9, bf16, back.get(), false, test_stream()));
  for (const float value : back.host()) CHECK(std::isnan(value));
}

TEST_CASE("convert refuses nothing to do") {
  CHECK(to_bf16(0, nullptr, nullptr, test_stream()) == cudaErrorInvalidValue);
  CHECK(from_bf16(0, nullptr, nullptr, false, test_stream()) == cudaErrorInvalidValue);
}

}  // namespace dropmuon::kernels
