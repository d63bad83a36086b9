// SPDX-License-Identifier: MIT
// A convolution by cuDNN.
#pragma once

#include <map>

#include <cuda_bf16.h>

#include "convolution_plan.h"
#include "workspace.h"

namespace dropmuon::cuda {

struct ConvolutionContext {
  cudnnHandle_t dnn = nullptr;
  cudaStream_t stream = nullptr;
  Workspace* workspace = nullptr;    // shared by all convolutions of a backend, which take turns
  std::size_t* allocated = nullptr;  // the backend's count of bytes
};

// Computes the full output: cuDNN's padding is the same on both sides, so rows that no pooling
// window uses cannot be left out. In bf16 the fp32 tensors of the interface are converted on the
// way in and out, and filter gradients of micro-batches still add up in fp32.
class Convolution final : public Conv2d {
 public:
  Convolution(const Conv2dShape& shape, Precision precision, const ConvolutionContext& context);

  ~Convolution() override;
  ImageShape output() const override;
  void prepare(int n) override;
  void load_filter(const float* w) override;
  void forward(int n, const float* x, float* y) override;
  void backward_input(int n, const float* dy, float* dx) override;
  void backward_filter(int n, const float* x, const float* dy, GradMode mode) override;
  void store_filter_gradient(float* dw) override;

 private:
  // How a call divides the workspace: converted tensors first, cuDNN's own part behind them.
  struct Places {
    __nv_bfloat16* x = nullptr;
    __nv_bfloat16* y = nullptr;
    void* workspace = nullptr;
  };

  bool half() const { return precision_ == Precision::bf16; }
  const ConvolutionPlan& plan(int n) const;
  std::size_t converted_x_bytes(int n) const;
  std::size_t converted_y_bytes(int n) const;
  Places places(int n) const;
  std::size_t filter_size() const;
  std::size_t filter_bytes() const;  // of everything kept

  Conv2dShape shape_;
  Precision precision_;
  ConvolutionContext context_;
  std::map<int, ConvolutionPlan> plans_;  // by batch size
  DeviceMemory filter_;                   // the filter as cuDNN takes it
  DeviceMemory gradient_;                 // fp32 sum over micro-batches
  DeviceMemory half_gradient_;            // of one micro-batch, bf16 only
};

}  // namespace dropmuon::cuda
