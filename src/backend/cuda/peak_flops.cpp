// SPDX-License-Identifier: MIT
#include "kernels/peak_flops.h"

#include <algorithm>

#include "cuda_backend.h"

namespace dropmuon::cuda {

double CudaBackend::measure_peak_flops() {
  constexpr int kTries = 3;
  const int blocks = 8 * gpu_.multiprocessors;
  int rounds = 16;
  double best = 0.0;
  const Event start = make_event();
  const Event stop = make_event();
  const auto seconds = [&] {
    DM_CUDA(cudaEventRecord(start, stream_));
    DM_CUDA(kernels::fma_loop(blocks, rounds, static_cast<float*>(partial_sums_.get()), stream_));
    DM_CUDA(cudaEventRecord(stop, stream_));
    DM_CUDA(cudaEventSynchronize(stop));
    float milliseconds = 0.0F;
    DM_CUDA(cudaEventElapsedTime(&milliseconds, start, stop));
    return 1e-3 * static_cast<double>(milliseconds);
  };
  while (seconds() < 5e-3 && rounds < (1 << 20)) rounds *= 4;  // long enough to time
  for (int i = 0; i < kTries; ++i) {
    best = std::max(best, kernels::fma_loop_flops(blocks, rounds) / seconds());
  }
  return best;
}

}  // namespace dropmuon::cuda
