// SPDX-License-Identifier: MIT
// What cuDNN needs to know for one convolution shape and batch size, worked out once.
#pragma once

#include <cstddef>

#include "handle.h"
#include <dropmuon/backend/conv2d.h>
#include <dropmuon/backend/factory.h>

namespace dropmuon::cuda {

// One of the three passes: its algorithm, the arithmetic it may use, the workspace it needs.
// Without a descriptor cuDNN cannot do it; that is an error only for who asks for this pass.
template <typename Algorithm>
struct ConvolutionPass {
  Algorithm algorithm{};
  ConvolutionDescriptor convolution;
  std::size_t workspace_bytes = 0;
  bool available() const { return static_cast<bool>(convolution); }
};

// Activations NHWC, filters OHWI (cuDNN calls both NHWC), stride 1, padding kernel / 2. Algorithms:
// the fastest by cuDNN's heuristics among those that give the same bits every time. fp32 means no
// tensor cores at all; tf32 lets fp32 tensors use them; bf16 has bf16 tensors, sums in fp32.
class ConvolutionPlan {
 public:
  ConvolutionPlan(cudnnHandle_t dnn, const Conv2dShape& shape, int n, Precision precision);

  std::size_t workspace_bytes() const;  // of the greediest pass

  TensorDescriptor x;
  TensorDescriptor y;
  FilterDescriptor w;
  ConvolutionPass<cudnnConvolutionFwdAlgo_t> forward;
  ConvolutionPass<cudnnConvolutionBwdDataAlgo_t> backward_input;
  ConvolutionPass<cudnnConvolutionBwdFilterAlgo_t> backward_filter;

 private:
  void plan_forward(cudnnHandle_t dnn, const Conv2dShape& shape, Precision precision);
  void plan_backward_input(cudnnHandle_t dnn, const Conv2dShape& shape, Precision precision);
  void plan_backward_filter(cudnnHandle_t dnn, const Conv2dShape& shape, Precision precision);
};

}  // namespace dropmuon::cuda
