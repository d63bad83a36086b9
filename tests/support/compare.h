// SPDX-License-Identifier: MIT
// Random data and comparisons against the double references.
#pragma once

#include <cmath>
#include <cstring>
#include <span>
#include <vector>

#include <dropmuon/backend/buffer.h>
#include <dropmuon/core/random.h>

namespace dropmuon {

inline std::vector<float> random_floats(std::size_t count, std::uint64_t seed) {
  Random random(seed, Purpose::synthetic_data, 99);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(random.normal());
  return values;
}

// fp32 sums of k products of unit normals: error about eps sqrt(k), allowed four times that.
inline double sum_tolerance(double k) { return 4.0 * 1.2e-7 * std::sqrt(k) + 1e-7; }

inline std::vector<double> widen(std::span<const float> values) {
  return {values.begin(), values.end()};
}

template <typename T>
Buffer<T> to_device(Backend& backend, const std::vector<T>& values) {
  Buffer<T> buffer(backend, values.size());
  buffer.upload(values.data());
  return buffer;
}

template <typename T>
std::vector<T> to_host(const Buffer<T>& buffer) {
  std::vector<T> values(buffer.size());
  buffer.download(values.data());
  return values;
}

// ||found - expected|| / ||expected|| in the 2-norm; NaN counts as infinitely wrong.
inline double relative_error(std::span<const float> found, std::span<const double> expected) {
  if (found.size() != expected.size()) return INFINITY;
  double difference = 0.0;
  double norm = 0.0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double d = static_cast<double>(found[i]) - expected[i];
    difference += d * d;
    norm += expected[i] * expected[i];
  }
  if (std::isnan(difference)) return INFINITY;
  return norm > 0.0 ? std::sqrt(difference / norm) : std::sqrt(difference);
}

inline bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

}  // namespace dropmuon
