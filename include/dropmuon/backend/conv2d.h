// SPDX-License-Identifier: MIT
// A two-dimensional convolution of one fixed shape, stride 1, zero padding kernel/2 ("same").
#pragma once

#include <dropmuon/core/shape.h>

namespace dropmuon {

// Whether a gradient replaces what its buffer holds or is added to it (micro-batches).
enum class GradMode { overwrite, accumulate };

struct Conv2dShape {
  ImageShape input;
  int out_channels = 0;
  int kernel = 3;  // odd
  bool operator==(const Conv2dShape&) const = default;
};

// Backends keep the filter in whatever form their convolution likes (blocked on CPUs, half
// precision on GPUs), so the filter is loaded when it changes, not with every call, and the filter
// gradient stays in that form until it is complete.
class Conv2d {
 public:
  virtual ~Conv2d() = default;

  // Builds everything for batches of n images; forward and backward for that n then allocate
  // nothing. Must be called before the first use of n.
  virtual void prepare(int n) = 0;

  // w (O, kh, kw, I): takes the filter's present values; call again after every change.
  virtual void load_filter(const float* w) = 0;

  // y (N, H, W, O) = x (N, H, W, I) * w
  virtual void forward(int n, const float* x, float* y) = 0;

  // dx (N, H, W, I) = gradient of the loss with respect to x, given dy (N, H, W, O)
  virtual void backward_input(int n, const float* dy, float* dx) = 0;

  // Adds (or writes) this batch's filter gradient to an internal sum ...
  virtual void backward_filter(int n, const float* x, const float* dy, GradMode mode) = 0;

  // ... which this copies to dw (O, kh, kw, I).
  virtual void store_filter_gradient(float* dw) = 0;
};

}  // namespace dropmuon
