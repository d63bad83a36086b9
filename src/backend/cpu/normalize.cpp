// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cmath>

#include "cpu_backend.h"
#include "parallel.h"

namespace dropmuon::cpu {
namespace {

double inverse_or_zero(double norm) { return norm == 0.0 ? 0.0 : 1.0 / norm; }

void sign(const DirectionItem& item, int threads) {
  const std::size_t size = static_cast<std::size_t>(item.rows) * item.cols;
  for_chunks(size, threads, [&](std::size_t begin, std::size_t end) {
    const float* in = item.in;
    float* out = item.out;
#pragma omp simd
    for (std::size_t i = begin; i < end; ++i) {
      const float x = in[i];
      out[i] = x == 0.0F ? 0.0F : std::copysign(1.0F, x);
    }
  });
}

void unit_length(const DirectionItem& item, int threads) {
  const std::size_t size = static_cast<std::size_t>(item.rows) * item.cols;
  const double norm = std::sqrt(dot(item.in, item.in, size, threads));
  scale_into(item.in, inverse_or_zero(norm), item.out, size, threads);
}

void unit_rows(const DirectionItem& item, int threads) {
  const std::size_t cols = static_cast<std::size_t>(item.cols);
#pragma omp parallel for schedule(static) num_threads(threads) if (item.rows * cols > kChunk)
  for (int r = 0; r < item.rows; ++r) {
    const float* in = item.in + static_cast<std::size_t>(r) * cols;
    const double norm = std::sqrt(dot(in, in, cols, 1));
    scale_into(in, inverse_or_zero(norm), item.out + static_cast<std::size_t>(r) * cols, cols, 1);
  }
}

// Columns are taken in groups, so that a pass over the rows reads whole cache lines.
constexpr int kColumns = 64;

void unit_column_group(const DirectionItem& item, int begin, int end) {
  std::array<double, kColumns> factor{};
  const int count = end - begin;
  for (int r = 0; r < item.rows; ++r) {
    const float* in = item.in + static_cast<std::size_t>(r) * item.cols + begin;
    for (int c = 0; c < count; ++c) factor[c] += static_cast<double>(in[c]) * in[c];
  }
  for (int c = 0; c < count; ++c) factor[c] = inverse_or_zero(std::sqrt(factor[c]));
  for (int r = 0; r < item.rows; ++r) {
    const std::size_t offset = static_cast<std::size_t>(r) * item.cols + begin;
    for (int c = 0; c < count; ++c) {
      item.out[offset + c] = static_cast<float>(item.in[offset + c] * factor[c]);
    }
  }
}

void unit_columns(const DirectionItem& item, int threads) {
  const std::size_t size = static_cast<std::size_t>(item.rows) * item.cols;
  const int groups = (item.cols + kColumns - 1) / kColumns;
#pragma omp parallel for schedule(static) num_threads(threads) if (size > kChunk)
  for (int g = 0; g < groups; ++g) {
    unit_column_group(item, g * kColumns, std::min(item.cols, (g + 1) * kColumns));
  }
}

}  // namespace

void CpuBackend::normalize(std::span<const NormalizeItem> items) {
  for (const NormalizeItem& item : items) {
    switch (item.norm) {
      case SimpleNorm::max_abs:
        sign(item.matrix, threads_);
        break;
      case SimpleNorm::euclidean:
        unit_length(item.matrix, threads_);
        break;
      case SimpleNorm::column:
        unit_columns(item.matrix, threads_);
        break;
      case SimpleNorm::row:
        unit_rows(item.matrix, threads_);
        break;
    }
  }
}

}  // namespace dropmuon::cpu
