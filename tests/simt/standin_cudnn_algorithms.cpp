// SPDX-License-Identifier: MIT
// cuDNN for the harness: what a convolution must look like, and the algorithm and workspace
// queries. As in the library, the list is sorted by expected time: an algorithm that varies from
// run to run may come first, and some entries are not supported at all.
#include <algorithm>

#include "simt/standin_cudnn.h"

using namespace simt;

namespace {

constexpr std::size_t kAlign = 256;
std::size_t rounded(std::size_t bytes) { return (bytes + kAlign - 1) / kAlign * kAlign; }

bool same_layout(const std::size_t* stride, const int* size, bool nhwc) {
  const auto channels = std::size_t(size[1]);
  const auto rows = std::size_t(size[2]);
  const auto columns = std::size_t(size[3]);
  const std::size_t wanted[4] = {channels * rows * columns, nhwc ? 1 : rows * columns,
                                 nhwc ? columns * channels : columns, nhwc ? channels : 1};
  for (int i = 0; i < 4; ++i) {
    if (size[i] > 1 && stride[i] != wanted[i]) return false;
  }
  return true;
}

bool one_layout(const Convolution& c, bool nhwc) {
  return same_layout(c.x.stride, c.x.size, nhwc) && same_layout(c.w.stride, c.w.size, nhwc) &&
         same_layout(c.y.stride, c.y.size, nhwc);
}

template <typename Performance, typename Id>
cudnnStatus_t list(Pass pass, cudnnHandle_t handle, const cudnnTensorStruct* x,
                   const cudnnFilterStruct* w, const cudnnConvolutionStruct* how,
                   const cudnnTensorStruct* y, int requested, int* returned,
                   Performance* performance) {
  if (!is_live(handle)) return CUDNN_STATUS_NOT_INITIALIZED;
  if (requested < 1 || !returned || !performance) {
    return refuse_dnn("algorithm query without room for an answer", CUDNN_STATUS_BAD_PARAM);
  }
  Convolution c;
  if (const auto status = make_convolution(x, w, how, y, &c)) return status;
  const auto all = algorithms(pass, c);
  *returned = std::min(requested, int(all.size()));
  for (int i = 0; i < *returned; ++i) {
    const Algorithm& a = all[std::size_t(i)];
    performance[i] = {};
    performance[i].algo = Id(a.id);
    performance[i].status = a.supported ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_NOT_SUPPORTED;
    performance[i].time = a.supported ? a.milliseconds : -1.0f;
    performance[i].memory = a.supported ? a.workspace : 0;
    performance[i].determinism = a.deterministic ? CUDNN_DETERMINISTIC : CUDNN_NON_DETERMINISTIC;
    performance[i].mathType = c.how.math == CUDNN_DEFAULT_MATH ? CUDNN_TENSOR_OP_MATH : c.how.math;
  }
  count_library_call("cudnnGetConvolutionAlgorithm");
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t workspace_size(Pass pass, cudnnHandle_t handle, const cudnnTensorStruct* x,
                             const cudnnFilterStruct* w, const cudnnConvolutionStruct* how,
                             const cudnnTensorStruct* y, int algorithm, std::size_t* bytes) {
  if (!is_live(handle)) return CUDNN_STATUS_NOT_INITIALIZED;
  if (!bytes) return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
  *bytes = 0;
  Convolution c;
  if (const auto status = make_convolution(x, w, how, y, &c)) return status;
  for (const Algorithm& a : algorithms(pass, c)) {
    if (a.id != algorithm || !a.supported) continue;
    *bytes = a.workspace;
    return CUDNN_STATUS_SUCCESS;
  }
  return refuse_dnn("workspace query for an unsupported algorithm", CUDNN_STATUS_NOT_SUPPORTED);
}

}  // namespace

namespace simt {

std::size_t element_count(const int* size) {
  std::size_t count = 1;
  for (int i = 0; i < 4; ++i) count *= std::size_t(size[i]);
  return count;
}

int output_size(const cudnnConvolutionStruct& how, int axis, int input, int filter) {
  const int room = input + 2 * how.pad[axis] - how.dilation[axis] * (filter - 1) - 1;
  return room < 0 ? 0 : room / how.stride[axis] + 1;
}

cudnnStatus_t make_convolution(const cudnnTensorStruct* x, const cudnnFilterStruct* w,
                               const cudnnConvolutionStruct* how, const cudnnTensorStruct* y,
                               Convolution* result) {
  if (!x || !w || !how || !y) {
    return refuse_dnn("null descriptor", CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
  }
  if (!x->set || !w->set || !how->set || !y->set) {
    return refuse_dnn("a descriptor was created but not set", CUDNN_STATUS_BAD_PARAM);
  }
  Convolution c{*x, *w, *how, *y, CUDA_R_32F, Rounding::none};
  if (how->groups != 1) return refuse_dnn("grouped convolution", CUDNN_STATUS_NOT_SUPPORTED);
  if (x->type != w->type || x->type != y->type) {
    return refuse_dnn("tensors of different types", CUDNN_STATUS_NOT_SUPPORTED);
  }
  if (how->compute != CUDNN_DATA_FLOAT) {
    return refuse_dnn("the compute type must be float", CUDNN_STATUS_NOT_SUPPORTED);
  }
  switch (x->type) {
    case CUDNN_DATA_FLOAT:
      c.type = CUDA_R_32F;
      break;
    case CUDNN_DATA_HALF:
      c.type = CUDA_R_16F;
      break;
    case CUDNN_DATA_BFLOAT16:
      c.type = CUDA_R_16BF;
      break;
    default:
      return refuse_dnn("unsupported tensor type", CUDNN_STATUS_NOT_SUPPORTED);
  }
  if (c.type == CUDA_R_32F && how->math != CUDNN_FMA_MATH) c.rounding = Rounding::tf32;
  if (x->size[0] != y->size[0] || w->size[0] != y->size[1] || w->size[1] != x->size[1] ||
      y->size[2] != output_size(*how, 0, x->size[2], w->size[2]) ||
      y->size[3] != output_size(*how, 1, x->size[3], w->size[3])) {
    return refuse_dnn("the sizes of x, w and y do not fit", CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
  }
  if (!one_layout(c, true) && !one_layout(c, false)) {
    return refuse_dnn("x, w and y have different layouts", CUDNN_STATUS_NOT_SUPPORTED);
  }
  *result = c;
  return CUDNN_STATUS_SUCCESS;
}

std::vector<Algorithm> algorithms(Pass pass, const Convolution& c) {
  const std::size_t x = element_count(c.x.size);
  const std::size_t w = element_count(c.w.size);
  const std::size_t y = element_count(c.y.size);
  // Tensors of 16 bits need tensor cores.
  const bool runs = c.type == CUDA_R_32F || c.how.math != CUDNN_FMA_MATH;
  // No promise of cuDNN, but a first layer must not need what nobody computes there.
  const bool data_runs = runs && !(c.type != CUDA_R_32F && c.x.size[1] == 1);
  switch (pass) {
    case Pass::forward:
      return {{CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM, runs, true, 0.1f,
               rounded(4 * w + 1024)},
              {CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM, runs, true, 0.2f, rounded(64)},
              {CUDNN_CONVOLUTION_FWD_ALGO_GEMM, false, true, 0.0f, 0},
              {CUDNN_CONVOLUTION_FWD_ALGO_FFT_TILING, false, true, 0.0f, 0}};
    case Pass::data:
      return {{CUDNN_CONVOLUTION_BWD_DATA_ALGO_0, data_runs, false, 0.1f, rounded(128)},
              {CUDNN_CONVOLUTION_BWD_DATA_ALGO_1, data_runs, true, 0.2f, rounded(2 * w + 4 * x)},
              {CUDNN_CONVOLUTION_BWD_DATA_ALGO_FFT, false, true, 0.0f, 0},
              {CUDNN_CONVOLUTION_BWD_DATA_ALGO_WINOGRAD, false, true, 0.0f, 0}};
    case Pass::filter:
      return {{CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0, runs, false, 0.1f, rounded(256)},
              {CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3, runs, false, 0.15f, rounded(8 * w)},
              {CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1, runs, true, 0.2f, rounded(4 * w + 2 * y)},
              {CUDNN_CONVOLUTION_BWD_FILTER_ALGO_FFT, false, true, 0.0f, 0}};
  }
  return {};
}

}  // namespace simt

extern "C" {

cudnnStatus_t cudnnGetConvolutionForwardAlgorithm_v7(
    cudnnHandle_t handle, const cudnnTensorDescriptor_t x, const cudnnFilterDescriptor_t w,
    const cudnnConvolutionDescriptor_t how, const cudnnTensorDescriptor_t y, const int requested,
    int* returned, cudnnConvolutionFwdAlgoPerf_t* performance) {
  return list<cudnnConvolutionFwdAlgoPerf_t, cudnnConvolutionFwdAlgo_t>(
      Pass::forward, handle, x, w, how, y, requested, returned, performance);
}
cudnnStatus_t cudnnGetConvolutionBackwardDataAlgorithm_v7(
    cudnnHandle_t handle, const cudnnFilterDescriptor_t w, const cudnnTensorDescriptor_t y,
    const cudnnConvolutionDescriptor_t how, const cudnnTensorDescriptor_t x, const int requested,
    int* returned, cudnnConvolutionBwdDataAlgoPerf_t* performance) {
  return list<cudnnConvolutionBwdDataAlgoPerf_t, cudnnConvolutionBwdDataAlgo_t>(
      Pass::data, handle, x, w, how, y, requested, returned, performance);
}
cudnnStatus_t cudnnGetConvolutionBackwardFilterAlgorithm_v7(
    cudnnHandle_t handle, const cudnnTensorDescriptor_t x, const cudnnTensorDescriptor_t y,
    const cudnnConvolutionDescriptor_t how, const cudnnFilterDescriptor_t w, const int requested,
    int* returned, cudnnConvolutionBwdFilterAlgoPerf_t* performance) {
  return list<cudnnConvolutionBwdFilterAlgoPerf_t, cudnnConvolutionBwdFilterAlgo_t>(
      Pass::filter, handle, x, w, how, y, requested, returned, performance);
}
cudnnStatus_t cudnnGetConvolutionForwardAlgorithmMaxCount(cudnnHandle_t, int* count) {
  *count = CUDNN_CONVOLUTION_FWD_ALGO_COUNT;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnGetConvolutionBackwardDataAlgorithmMaxCount(cudnnHandle_t, int* count) {
  *count = CUDNN_CONVOLUTION_BWD_DATA_ALGO_COUNT;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnGetConvolutionBackwardFilterAlgorithmMaxCount(cudnnHandle_t, int* count) {
  *count = CUDNN_CONVOLUTION_BWD_FILTER_ALGO_COUNT;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetConvolutionForwardWorkspaceSize(
    cudnnHandle_t handle, const cudnnTensorDescriptor_t x, const cudnnFilterDescriptor_t w,
    const cudnnConvolutionDescriptor_t how, const cudnnTensorDescriptor_t y,
    cudnnConvolutionFwdAlgo_t algorithm, std::size_t* bytes) {
  return workspace_size(Pass::forward, handle, x, w, how, y, int(algorithm), bytes);
}
cudnnStatus_t cudnnGetConvolutionBackwardDataWorkspaceSize(
    cudnnHandle_t handle, const cudnnFilterDescriptor_t w, const cudnnTensorDescriptor_t y,
    const cudnnConvolutionDescriptor_t how, const cudnnTensorDescriptor_t x,
    cudnnConvolutionBwdDataAlgo_t algorithm, std::size_t* bytes) {
  return workspace_size(Pass::data, handle, x, w, how, y, int(algorithm), bytes);
}
cudnnStatus_t cudnnGetConvolutionBackwardFilterWorkspaceSize(
    cudnnHandle_t handle, const cudnnTensorDescriptor_t x, const cudnnTensorDescriptor_t y,
    const cudnnConvolutionDescriptor_t how, const cudnnFilterDescriptor_t w,
    cudnnConvolutionBwdFilterAlgo_t algorithm, std::size_t* bytes) {
  return workspace_size(Pass::filter, handle, x, w, how, y, int(algorithm), bytes);
}

}  // extern "C"
