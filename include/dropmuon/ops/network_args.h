// SPDX-License-Identifier: MIT
// Arguments of the forward and backward operations, as the backends and the kernels take them.
// Shapes stand beside each pointer; n is the number of images in the micro-batch.
#pragma once

#include <cstdint>

#include <dropmuon/ops/grad_mode.h>
#include <dropmuon/ops/image_shape.h>

namespace dropmuon {

// How one image is moved while it is gathered: the crop window starts at (top, left), which may be
// negative; pixels outside the image are 0 before normalisation.
struct Augmentation {
  std::int8_t top = 0;
  std::int8_t left = 0;
  std::int8_t flip = 0;  // 1: mirrored left to right
  std::int8_t unused = 0;
};

// x[i] = (pixel / 255 - mean[c]) * inverse_std[c] of images[indices[i]], y[i] = its label.
struct GatherBatch {
  int n = 0;
  ImageShape image;
  const std::uint8_t* images = nullptr;        // (any, H, W, C)
  const std::uint8_t* labels = nullptr;        // (any)
  const std::int32_t* indices = nullptr;       // (n)
  const Augmentation* augmentation = nullptr;  // (n) or null: none
  const float* mean = nullptr;                 // (C)
  const float* inverse_std = nullptr;          // (C)
  float* x = nullptr;                          // (n, H, W, C)
  std::uint8_t* y = nullptr;                   // (n)
};

// out = max over pool x pool windows of relu(conv + bias); windows do not overlap, rows and columns
// that fill no window are dropped. winner records, per output, the index (0 .. pool^2 - 1, row by
// row) of the first maximum in its window, or kNoWinner if the maximum is not positive. A NaN stays
// the maximum only where it is the window's first value.
inline constexpr std::uint8_t kNoWinner = 255;
inline constexpr int kMaxPool = 15;  // winners fit in a byte
struct BiasReluPoolForward {
  int n = 0;
  ImageShape conv_shape;
  int pool = 1;                    // 1: no pooling
  const float* conv = nullptr;     // (n, H, W, C)
  const float* bias = nullptr;     // (C)
  float* out = nullptr;            // (n, H/pool, W/pool, C)
  std::uint8_t* winner = nullptr;  // as out, or null: keep nothing for backward
};

// dconv = dout at each window's winner, 0 elsewhere; dbias = sum of dconv over n, H, W.
struct BiasReluPoolBackward {
  int n = 0;
  ImageShape conv_shape;
  int pool = 1;
  const float* dout = nullptr;           // (n, H/pool, W/pool, C)
  const std::uint8_t* winner = nullptr;  // as dout
  float* dconv = nullptr;                // (n, H, W, C)
  float* dbias = nullptr;                // (C), or null: not wanted
  GradMode mode = GradMode::overwrite;   // of dbias
};

// forward: pooled (n, C) = mean of image over H, W.  backward: image = pooled / (H W).
struct AveragePool {
  int n = 0;
  ImageShape shape;
  float* image = nullptr;   // (n, H, W, C); read by forward, written by backward
  float* pooled = nullptr;  // (n, C); written by forward, read by backward
};

enum class Transpose { no, yes };

// c (m, n) = a b, plus the old c if accumulating. a is (m, k), or (k, m) if transposed; b is (k,
// n), or (n, k).
struct Matmul {
  int m = 0;
  int n = 0;
  int k = 0;
  const float* a = nullptr;
  const float* b = nullptr;
  float* c = nullptr;
  Transpose transpose_a = Transpose::no;
  Transpose transpose_b = Transpose::no;
  GradMode mode = GradMode::overwrite;
};

struct AddBias {  // y (n, features) += bias (features), row by row
  int n = 0;
  int features = 0;
  const float* bias = nullptr;
  float* y = nullptr;
};

struct BiasGradient {  // dbias (features) = sum of the rows of dy (n, features)
  int n = 0;
  int features = 0;
  const float* dy = nullptr;
  float* dbias = nullptr;
  GradMode mode = GradMode::overwrite;
};

// Running sums over everything seen since they were last zeroed.
struct LossSums {
  double loss = 0.0;  // sum of -log p[label]; not finite if any logit was not
  std::int64_t correct = 0;
  std::int64_t count = 0;
};

// Adds this batch to sums and, if dlogits is set, writes gradient_scale * (softmax - one_hot). The
// largest logit is subtracted first, so logits of +-1e4 are safe. Ties count as the lowest class.
struct SoftmaxCrossEntropy {
  int n = 0;
  int classes = 0;
  const float* logits = nullptr;         // (n, classes)
  const std::uint8_t* labels = nullptr;  // (n)
  float* dlogits = nullptr;              // (n, classes) or null
  float gradient_scale = 1.0F;           // 1 / batch size for the mean loss
  LossSums* sums = nullptr;
};

}  // namespace dropmuon
