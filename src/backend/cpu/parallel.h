// SPDX-License-Identifier: MIT
// Loops and sums over long vectors. The cut into chunks depends on the size alone, so a sum has the
// same bits for every number of threads.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

namespace dropmuon::cpu {

inline constexpr std::size_t kChunk = 16384;  // elements; below this a second thread costs more

// body(begin, end) for consecutive pieces of 0..size.
template <typename Body>
void for_chunks(std::size_t size, int threads, const Body& body) {
  if (size <= kChunk || threads == 1) {
    body(std::size_t{0}, size);
    return;
  }
  const std::size_t chunks = (size + kChunk - 1) / kChunk;
#pragma omp parallel for schedule(static) num_threads(threads)
  for (std::size_t i = 0; i < chunks; ++i) {
    body(i * kChunk, std::min(size, (i + 1) * kChunk));
  }
}

// The sum of body(begin, end) over consecutive pieces of 0..size, added in order.
template <typename Body>
double sum_chunks(std::size_t size, int threads, const Body& body) {
  constexpr std::size_t kMaxChunks = 128;
  std::array<double, kMaxChunks> parts{};
  const std::size_t length = std::max(kChunk, (size + kMaxChunks - 1) / kMaxChunks);
  const std::size_t chunks = (size + length - 1) / length;
#pragma omp parallel for schedule(static) num_threads(threads) if (chunks > 1 && threads > 1)
  for (std::size_t i = 0; i < chunks; ++i) {
    parts[i] = body(i * length, std::min(size, (i + 1) * length));
  }
  double sum = 0.0;
  for (std::size_t i = 0; i < chunks; ++i) sum += parts[i];
  return sum;
}

// <x, y>, added in double.
double dot(const float* x, const float* y, std::size_t size, int threads);

// y = factor x. The factor is a double: the inverse of a norm need not fit into a float.
void scale_into(const float* x, double factor, float* y, std::size_t size, int threads);

}  // namespace dropmuon::cpu
