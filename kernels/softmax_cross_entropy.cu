// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cfloat>
#include <climits>
#include <cmath>
#include <cstddef>

#include "device/grid.h"
#include "device/language.h"
#include "device/reduce.h"
#include "softmax_cross_entropy.h"

namespace dropmuon::kernels {
namespace {

constexpr int kWarps = kThreads / 32;

struct RowResult {
  double loss;
  bool correct;
};

// One row by one warp; every lane returns the result. The loops with exp() are kept rolled:
// unrolled they spill. A class's logit is read and its gradient written by the same lane, so
// dlogits may be the logits' own memory.
__device__ __forceinline__ RowResult treat_row(const float* logits, int classes, int label,
                                               float* dlogits, float gradient_scale) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  const float target_logit = label < classes ? logits[label] : NAN;
  float largest = -INFINITY;
  int where = INT_MAX;
  bool finite = true;
  for (int k = lane; k < classes; k += 32) {
    const float logit = logits[k];
    finite = finite && fabsf(logit) <= FLT_MAX;
    if (logit > largest) {
      largest = logit;
      where = k;
    }
  }
  finite = __all_sync(kFullWarp, finite ? 1 : 0) != 0;
  for (int offset = 16; offset > 0; offset /= 2) {
    const float other = __shfl_xor_sync(kFullWarp, largest, offset);
    const int other_where = __shfl_xor_sync(kFullWarp, where, offset);
    if (other > largest || (other == largest && other_where < where)) {
      largest = other;
      where = other_where;
    }
  }
  double sum = 0.0;
#pragma unroll 1
  for (int k = lane; k < classes; k += 32) {
    sum += exp(static_cast<double>(logits[k]) - static_cast<double>(largest));
  }
  const double log_sum = log(warp_sum(sum)) + static_cast<double>(largest);
  if (dlogits != nullptr) {
#pragma unroll 1
    for (int k = lane; k < classes; k += 32) {
      const double p = exp(static_cast<double>(logits[k]) - log_sum);
      const double target = k == label ? 1.0 : 0.0;
      dlogits[k] = static_cast<float>((p - target) * static_cast<double>(gradient_scale));
    }
  }
  return {finite ? log_sum - static_cast<double>(target_logit) : static_cast<double>(NAN),
          finite && where == label};
}

// partials: two doubles per block, its loss and its number of correct rows.
__global__ void __launch_bounds__(kThreads)
    softmax_cross_entropy_kernel(const SoftmaxCrossEntropy args, double* partials,
                                 unsigned* counter) {
  SHARED(double[2 * kWarps], staging);
  const int warp = static_cast<int>(threadIdx.x / 32);
  const int lane = static_cast<int>(threadIdx.x % 32);
  double loss = 0.0;
  double correct = 0.0;
  for (std::size_t row = static_cast<std::size_t>(blockIdx.x) * kWarps + warp;
       row < static_cast<std::size_t>(args.n);
       row += static_cast<std::size_t>(gridDim.x) * kWarps) {
    const std::size_t offset = row * static_cast<std::size_t>(args.classes);
    const RowResult result =
        treat_row(args.logits + offset, args.classes, args.labels[row],
                  args.dlogits != nullptr ? args.dlogits + offset : nullptr, args.gradient_scale);
    loss += result.loss;
    correct += result.correct ? 1.0 : 0.0;
  }
  if (lane == 0) {
    staging[2 * warp] = loss;
    staging[2 * warp + 1] = correct;
  }
  __syncthreads();
  if (threadIdx.x < 2) {
    double sum = 0.0;
    for (int w = 0; w < kWarps; ++w) sum += staging[2 * w + static_cast<int>(threadIdx.x)];
    partials[2 * blockIdx.x + threadIdx.x] = sum;
  }
  if (!last_block(counter, gridDim.x)) return;
  if (warp != 0) return;
  loss = 0.0;
  correct = 0.0;
  for (unsigned b = static_cast<unsigned>(lane); b < gridDim.x; b += 32) {
    loss += __ldcg(partials + 2 * b);
    correct += __ldcg(partials + 2 * b + 1);
  }
  loss = warp_sum(loss);
  correct = warp_sum(correct);
  if (lane != 0) return;
  args.sums->loss += loss;
  args.sums->correct += static_cast<std::int64_t>(correct);
  args.sums->count += args.n;
}

}  // namespace

cudaError_t softmax_cross_entropy(const SoftmaxCrossEntropy& args, const Scratch& scratch,
                                  cudaStream_t stream) {
  if (args.n < 1 || args.classes < 1) return cudaErrorInvalidValue;
  if (scratch.float_count < 4 || scratch.counter_count < 1) return cudaErrorInvalidValue;
  const unsigned blocks =
      std::min(grid_blocks(static_cast<std::size_t>(args.n), kWarps),
               static_cast<unsigned>(std::min<std::size_t>(kMaxBlocks, scratch.float_count / 4)));
  return launch(softmax_cross_entropy_kernel, blocks, kThreads, 0, stream, args,
                reinterpret_cast<double*>(scratch.floats), scratch.counters);
}

}  // namespace dropmuon::kernels
