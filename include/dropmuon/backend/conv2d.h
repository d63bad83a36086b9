// SPDX-License-Identifier: MIT
// A two-dimensional convolution of one fixed shape, stride 1, zero padding kernel/2 ("same").
#pragma once

#include <dropmuon/core/shape.h>
#include <dropmuon/ops/grad_mode.h>

namespace dropmuon {

// A caller that will not look at the last rows or columns of the output (a pooling window does not
// fit there) says how many it uses; Conv2d::output() tells how many are computed, at least those.
struct Conv2dShape {
  ImageShape input;
  int out_channels = 0;
  int kernel = 3;       // odd
  int used_height = 0;  // 0: all
  int used_width = 0;
  bool operator==(const Conv2dShape&) const = default;
};

// Backends keep the filter in whatever form their convolution likes (blocked on CPUs, half
// precision on GPUs), so the filter is loaded when it changes, not with every call, and the filter
// gradient stays in that form until it is complete.
class Conv2d {
 public:
  virtual ~Conv2d() = default;

  // Oh, Ow, O of the output: the top left part of the full one, which is (H, W, O).
  virtual ImageShape output() const = 0;

  // Builds everything for batches of n images; forward and backward for that n then allocate
  // nothing. Must be called before the first use of n.
  virtual void prepare(int n) = 0;

  // w (O, kh, kw, I): takes the filter's present values; call again after every change.
  virtual void load_filter(const float* w) = 0;

  // y (N, Oh, Ow, O) = x (N, H, W, I) * w
  virtual void forward(int n, const float* x, float* y) = 0;

  // dx (N, H, W, I) = gradient of the loss with respect to x, given dy (N, Oh, Ow, O)
  virtual void backward_input(int n, const float* dy, float* dx) = 0;

  // Adds (or writes) this batch's filter gradient to an internal sum ...
  virtual void backward_filter(int n, const float* x, const float* dy, GradMode mode) = 0;

  // ... which this copies to dw (O, kh, kw, I).
  virtual void store_filter_gradient(float* dw) = 0;
};

}  // namespace dropmuon
