// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include <cuda_runtime_api.h>

namespace dropmuon::kernels {

// How one image is moved: the window starts at (top, left), which may be negative; pixels outside
// the image are 0 before normalisation. flip 1: mirrored left to right.
struct CropFlip {
  std::int8_t top, left, flip, unused;
};

// x[i] = (pixel / 255 - mean[c]) * inverse_std[c] of images[indices[i]], y[i] = its label.
struct GatherBatch {
  int n, height, width, channels;
  const std::uint8_t* images;   // (any, H, W, C)
  const std::uint8_t* labels;   // (any)
  const std::int32_t* indices;  // (n)
  const CropFlip* moves;        // (n) or null: none
  const float* mean;            // (C)
  const float* inverse_std;     // (C)
  float* x;                     // (n, H, W, C)
  std::uint8_t* y;              // (n)
};

// One launch. cudaErrorInvalidValue: a size below 1, or an image of 2^30 values or more.
cudaError_t gather_batch(const GatherBatch& args, cudaStream_t stream);

}  // namespace dropmuon::kernels
