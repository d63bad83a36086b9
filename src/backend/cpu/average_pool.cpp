// SPDX-License-Identifier: MIT
#include <algorithm>

#include "cpu_backend.h"
#include <dropmuon/core/error.h>

namespace dropmuon::cpu {

void CpuBackend::average_pool_forward(const AveragePool& args) {
  DM_CHECK(args.n > 0 && args.shape.size() > 0, "average_pool of nothing");
  const int pixels = args.shape.height * args.shape.width;
  const int channels = args.shape.channels;
#pragma omp parallel for schedule(static) num_threads(threads_)
  for (int i = 0; i < args.n; ++i) {
    const float* image = args.image + static_cast<std::size_t>(i) * args.shape.size();
    float* pooled = args.pooled + static_cast<std::size_t>(i) * channels;
    std::fill(pooled, pooled + channels, 0.0F);
    for (int p = 0; p < pixels; ++p) {
      for (int c = 0; c < channels; ++c) pooled[c] += image[p * channels + c];
    }
    for (int c = 0; c < channels; ++c) pooled[c] /= static_cast<float>(pixels);
  }
}

void CpuBackend::average_pool_backward(const AveragePool& args) {
  DM_CHECK(args.n > 0 && args.shape.size() > 0, "average_pool of nothing");
  const int pixels = args.shape.height * args.shape.width;
  const int channels = args.shape.channels;
#pragma omp parallel for schedule(static) num_threads(threads_)
  for (int i = 0; i < args.n; ++i) {
    float* image = args.image + static_cast<std::size_t>(i) * args.shape.size();
    const float* pooled = args.pooled + static_cast<std::size_t>(i) * channels;
    for (int p = 0; p < pixels; ++p) {
      for (int c = 0; c < channels; ++c) {
        image[p * channels + c] = pooled[c] / static_cast<float>(pixels);
      }
    }
  }
}

}  // namespace dropmuon::cpu
