// SPDX-License-Identifier: MIT
// The descriptors of the cuDNN stand-in and the checked convolution they add up to.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <cudnn.h>

#include "simt/standin.h"

struct cudnnContext {
  cudaStream_t stream = nullptr;
};
struct cudnnTensorStruct {
  bool set = false;
  cudnnDataType_t type{};
  int size[4]{};  // n c h w
  std::size_t stride[4]{};
};
struct cudnnFilterStruct {
  bool set = false;
  cudnnDataType_t type{};
  int size[4]{};  // k c r s
  std::size_t stride[4]{};
};
struct cudnnConvolutionStruct {
  bool set = false;
  int pad[2]{};
  int stride[2]{};
  int dilation[2]{};
  cudnnConvolutionMode_t mode{};
  cudnnDataType_t compute{};
  cudnnMathType_t math = CUDNN_DEFAULT_MATH;
  int groups = 1;
};

namespace simt {

enum class Pass { forward, data, filter };

// Copies of the descriptors, which may be destroyed before the work runs.
struct Convolution {
  cudnnTensorStruct x;
  cudnnFilterStruct w;
  cudnnConvolutionStruct how;
  cudnnTensorStruct y;
  cudaDataType type;
  Rounding rounding;
};

struct Algorithm {
  int id;
  bool supported;
  bool deterministic;
  float milliseconds;
  std::size_t workspace;
};

bool is_live(cudnnHandle_t handle);
// Notes why, for cudnnGetLastErrorString, and returns the status.
cudnnStatus_t refuse_dnn(const std::string& why, cudnnStatus_t status);
// Checks that the four descriptors belong together and describe what the library supports.
cudnnStatus_t make_convolution(const cudnnTensorStruct* x, const cudnnFilterStruct* w,
                               const cudnnConvolutionStruct* how, const cudnnTensorStruct* y,
                               Convolution* result);
int output_size(const cudnnConvolutionStruct& how, int axis, int input, int filter);
// What the algorithm query returns: fastest first, unsupported ones last.
std::vector<Algorithm> algorithms(Pass pass, const Convolution& convolution);

// out = alpha * pass(a, b) + beta * out. Forward: x, w -> y; data: w, dy -> dx; filter: x, dy ->
// dw.
void convolve(Pass pass, const Convolution& convolution, bool deterministic, float alpha,
              const void* a, const void* b, float beta, void* out);

std::size_t element_count(const int* size);

}  // namespace simt
