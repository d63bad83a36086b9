// SPDX-License-Identifier: MIT
#include "parallel.h"

namespace dropmuon::cpu {
namespace {

// Four vector registers of independent sums hide the latency of the additions.
double dot_piece(const float* x, const float* y, std::size_t size) {
  constexpr std::size_t kLanes = 32;
  std::array<double, kLanes> lanes{};
  const std::size_t whole = size / kLanes * kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes) {
    for (std::size_t l = 0; l < kLanes; ++l) {
      lanes[l] += static_cast<double>(x[i + l]) * static_cast<double>(y[i + l]);
    }
  }
  double sum = 0.0;
  for (const double lane : lanes) sum += lane;
  for (std::size_t i = whole; i < size; ++i) {
    sum += static_cast<double>(x[i]) * static_cast<double>(y[i]);
  }
  return sum;
}

}  // namespace

double dot(const float* x, const float* y, std::size_t size, int threads) {
  return sum_chunks(size, threads, [=](std::size_t begin, std::size_t end) {
    return dot_piece(x + begin, y + begin, end - begin);
  });
}

void scale_into(const float* x, double factor, float* y, std::size_t size, int threads) {
  for_chunks(size, threads, [=](std::size_t begin, std::size_t end) {
#pragma omp simd
    for (std::size_t i = begin; i < end; ++i) {
      y[i] = static_cast<float>(static_cast<double>(x[i]) * factor);
    }
  });
}

}  // namespace dropmuon::cpu
