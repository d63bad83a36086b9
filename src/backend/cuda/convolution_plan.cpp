// SPDX-License-Identifier: MIT
#include "convolution_plan.h"

#include <algorithm>
#include <array>

#include <dropmuon/core/error.h>

namespace dropmuon::cuda {
namespace {

constexpr std::size_t kMostWorkspace = std::size_t{1} << 30;
constexpr int kMostCandidates = 16;

cudnnDataType_t data_type(Precision precision) {
  return precision == Precision::bf16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
}

// What a candidate that asks for `wanted` is run with. CUDNN_DEFAULT_MATH would let fp32 tensors
// use TF32 on newer boards.
cudnnMathType_t math_type(Precision precision, cudnnMathType_t wanted) {
  return precision == Precision::fp32 ? CUDNN_FMA_MATH : wanted;
}

TensorDescriptor make_tensor(int n, const ImageShape& shape, Precision precision) {
  cudnnTensorDescriptor_t descriptor = nullptr;
  DM_CUDNN(cudnnCreateTensorDescriptor(&descriptor));
  TensorDescriptor owned(descriptor);
  DM_CUDNN(cudnnSetTensor4dDescriptor(owned, CUDNN_TENSOR_NHWC, data_type(precision), n,
                                      shape.channels, shape.height, shape.width));
  return owned;
}

FilterDescriptor make_filter(const Conv2dShape& shape, Precision precision) {
  cudnnFilterDescriptor_t descriptor = nullptr;
  DM_CUDNN(cudnnCreateFilterDescriptor(&descriptor));
  FilterDescriptor owned(descriptor);
  DM_CUDNN(cudnnSetFilter4dDescriptor(owned, data_type(precision), CUDNN_TENSOR_NHWC,
                                      shape.out_channels, shape.input.channels, shape.kernel,
                                      shape.kernel));
  return owned;
}

ConvolutionDescriptor make_convolution(const Conv2dShape& shape, cudnnMathType_t math) {
  cudnnConvolutionDescriptor_t descriptor = nullptr;
  DM_CUDNN(cudnnCreateConvolutionDescriptor(&descriptor));
  ConvolutionDescriptor owned(descriptor);
  const int pad = shape.kernel / 2;
  DM_CUDNN(cudnnSetConvolution2dDescriptor(owned, pad, pad, 1, 1, 1, 1, CUDNN_CROSS_CORRELATION,
                                           CUDNN_DATA_FLOAT));
  DM_CUDNN(cudnnSetConvolutionMathType(owned, math));
  return owned;
}

// Takes the first candidate (cuDNN sorts them by expected speed) that is deterministic and for
// which `workspace_bytes(descriptor, algorithm, &bytes)` succeeds within the limit.
template <typename Algorithm, typename Candidate, typename WorkspaceBytes>
ConvolutionPass<Algorithm> choose(std::span<const Candidate> candidates, const Conv2dShape& shape,
                                  Precision precision, const WorkspaceBytes& workspace_bytes) {
  for (const Candidate& candidate : candidates) {
    if (candidate.status != CUDNN_STATUS_SUCCESS) continue;
    if (candidate.determinism != CUDNN_DETERMINISTIC) continue;
    ConvolutionPass<Algorithm> chosen = {
        .algorithm = candidate.algo,
        .convolution = make_convolution(shape, math_type(precision, candidate.mathType))};
    const cudnnStatus_t status =
        workspace_bytes(chosen.convolution, chosen.algorithm, &chosen.workspace_bytes);
    if (status == CUDNN_STATUS_SUCCESS && chosen.workspace_bytes <= kMostWorkspace) return chosen;
  }
  return {};
}

// cuDNN counts elements in 32 bits.
void check_elements(const Conv2dShape& shape, int n) {
  const std::size_t pixels = static_cast<std::size_t>(shape.input.height) * shape.input.width;
  const auto channels =
      static_cast<std::size_t>(std::max(shape.input.channels, shape.out_channels));
  if (static_cast<std::size_t>(n) * pixels * channels < std::size_t{1} << 31) return;
  fail(
      ExitCode::bad_config,
      "train.micro_batch: {} images of {}x{} with {} channels are more than the 2^31 elements that "
      "cuDNN takes at once; choose a smaller one",
      n, shape.input.height, shape.input.width, channels);
}

// The descriptor the heuristics are asked with.
ConvolutionDescriptor make_query(const Conv2dShape& shape, Precision precision) {
  return make_convolution(shape, math_type(precision, CUDNN_TENSOR_OP_MATH));
}

}  // namespace

ConvolutionPlan::ConvolutionPlan(cudnnHandle_t dnn, const Conv2dShape& shape, int n,
                                 Precision precision)
    : x(make_tensor(n, shape.input, precision)),
      y(make_tensor(n, {shape.input.height, shape.input.width, shape.out_channels}, precision)),
      w(make_filter(shape, precision)) {
  check_elements(shape, n);
  plan_forward(dnn, shape, precision);
  plan_backward_input(dnn, shape, precision);
  plan_backward_filter(dnn, shape, precision);
}

void ConvolutionPlan::plan_forward(cudnnHandle_t dnn, const Conv2dShape& shape,
                                   Precision precision) {
  std::array<cudnnConvolutionFwdAlgoPerf_t, kMostCandidates> found{};
  int count = 0;
  const ConvolutionDescriptor query = make_query(shape, precision);
  DM_CUDNN(cudnnGetConvolutionForwardAlgorithm_v7(dnn, x, w, query, y, kMostCandidates, &count,
                                                  found.data()));
  forward = choose<cudnnConvolutionFwdAlgo_t>(
      std::span<const cudnnConvolutionFwdAlgoPerf_t>(found).first(static_cast<std::size_t>(count)),
      shape, precision,
      [&](cudnnConvolutionDescriptor_t convolution, auto algorithm, std::size_t* bytes) {
        return cudnnGetConvolutionForwardWorkspaceSize(dnn, x, w, convolution, y, algorithm, bytes);
      });
}

void ConvolutionPlan::plan_backward_input(cudnnHandle_t dnn, const Conv2dShape& shape,
                                          Precision precision) {
  std::array<cudnnConvolutionBwdDataAlgoPerf_t, kMostCandidates> found{};
  int count = 0;
  const ConvolutionDescriptor query = make_query(shape, precision);
  DM_CUDNN(cudnnGetConvolutionBackwardDataAlgorithm_v7(dnn, w, y, query, x, kMostCandidates, &count,
                                                       found.data()));
  backward_input = choose<cudnnConvolutionBwdDataAlgo_t>(
      std::span<const cudnnConvolutionBwdDataAlgoPerf_t>(found).first(
          static_cast<std::size_t>(count)),
      shape, precision,
      [&](cudnnConvolutionDescriptor_t convolution, auto algorithm, std::size_t* bytes) {
        return cudnnGetConvolutionBackwardDataWorkspaceSize(dnn, w, y, convolution, x, algorithm,
                                                            bytes);
      });
}

void ConvolutionPlan::plan_backward_filter(cudnnHandle_t dnn, const Conv2dShape& shape,
                                           Precision precision) {
  std::array<cudnnConvolutionBwdFilterAlgoPerf_t, kMostCandidates> found{};
  int count = 0;
  const ConvolutionDescriptor query = make_query(shape, precision);
  DM_CUDNN(cudnnGetConvolutionBackwardFilterAlgorithm_v7(dnn, x, y, query, w, kMostCandidates,
                                                         &count, found.data()));
  backward_filter = choose<cudnnConvolutionBwdFilterAlgo_t>(
      std::span<const cudnnConvolutionBwdFilterAlgoPerf_t>(found).first(
          static_cast<std::size_t>(count)),
      shape, precision,
      [&](cudnnConvolutionDescriptor_t convolution, auto algorithm, std::size_t* bytes) {
        return cudnnGetConvolutionBackwardFilterWorkspaceSize(dnn, x, y, convolution, w, algorithm,
                                                              bytes);
      });
}

std::size_t ConvolutionPlan::workspace_bytes() const {
  return std::max(
      {forward.workspace_bytes, backward_input.workspace_bytes, backward_filter.workspace_bytes});
}

}  // namespace dropmuon::cuda
