// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include <cuda_runtime_api.h>

#include "scratch.h"

namespace dropmuon::kernels {

// Running sums over everything seen since they were last zeroed.
struct LossSums {
  double loss;  // sum of -log p[label]; not finite if any logit was not
  std::int64_t correct;
  std::int64_t count;
};

// Adds this batch to *sums and, if dlogits is set, writes gradient_scale * (softmax - one_hot). The
// largest logit is subtracted first; ties count as the lowest class. A label that is no class makes
// the loss NaN.
struct SoftmaxCrossEntropy {
  int n, classes;
  const float* logits;         // (n, classes)
  const std::uint8_t* labels;  // (n)
  float* dlogits;              // (n, classes) or null; may be logits itself
  float gradient_scale;
  LossSums* sums;
};

// One launch, a warp per row, in double precision. Needs 4 floats of scratch (up to 2112 are of
// use) and one counter; cudaErrorInvalidValue if there are fewer or a size is below 1.
cudaError_t softmax_cross_entropy(const SoftmaxCrossEntropy& args, const Scratch& scratch,
                                  cudaStream_t stream);

}  // namespace dropmuon::kernels
