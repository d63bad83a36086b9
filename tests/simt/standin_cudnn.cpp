// SPDX-License-Identifier: MIT
// cuDNN for the harness: handles, descriptors, and the calls that run a convolution.
#include "simt/standin_cudnn.h"

#include <algorithm>
#include <cstring>
#include <set>

using namespace simt;

namespace {

std::set<cudnnHandle_t> handles;
thread_local std::string last_message;

template <typename Descriptor>
cudnnStatus_t create(Descriptor** descriptor) {
  if (!descriptor) return refuse_dnn("null pointer", CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
  *descriptor = new Descriptor;
  return CUDNN_STATUS_SUCCESS;
}
template <typename Descriptor>
cudnnStatus_t destroy(Descriptor* descriptor) {
  delete descriptor;
  return CUDNN_STATUS_SUCCESS;
}

// Descriptors of four positive sizes, packed in one of the two layouts.
template <typename Descriptor>
cudnnStatus_t set_packed(Descriptor* d, cudnnTensorFormat_t format, cudnnDataType_t type, int a,
                         int b, int c, int e) {
  if (!d) return refuse_dnn("null descriptor", CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
  if (a <= 0 || b <= 0 || c <= 0 || e <= 0) {
    return refuse_dnn("descriptor with a size that is not positive", CUDNN_STATUS_BAD_PARAM);
  }
  if (format != CUDNN_TENSOR_NHWC && format != CUDNN_TENSOR_NCHW) {
    return refuse_dnn("unknown layout", CUDNN_STATUS_NOT_SUPPORTED);
  }
  d->set = true;
  d->type = type;
  const int size[4] = {a, b, c, e};
  std::copy(size, size + 4, d->size);
  const auto channels = std::size_t(b);
  const auto rows = std::size_t(c);
  const auto columns = std::size_t(e);
  const bool nhwc = format == CUDNN_TENSOR_NHWC;
  d->stride[0] = channels * rows * columns;
  d->stride[1] = nhwc ? 1 : rows * columns;
  d->stride[2] = nhwc ? columns * channels : columns;
  d->stride[3] = nhwc ? channels : 1;
  return CUDNN_STATUS_SUCCESS;
}

// One of the three convolution calls; a and b are its inputs in the order of convolve().
struct Call {
  const char* name;
  Pass pass;
  cudnnHandle_t handle;
  const void* alpha;
  const void* a;
  const void* b;
  int algorithm;
  void* workspace;
  std::size_t workspace_bytes;
  const void* beta;
  void* out;
};

std::size_t tensor_bytes(const Convolution& c, const int* size) {
  return element_count(size) * type_bytes(c.type);
}

cudnnStatus_t check_memory(const Call& call, const Convolution& c, std::size_t needed) {
  const int* sizes[3] = {c.x.size, c.w.size, c.y.size};
  if (call.pass == Pass::data) std::rotate(sizes, sizes + 1, sizes + 3);  // w, dy -> dx
  if (call.pass == Pass::filter) std::swap(sizes[1], sizes[2]);           // x, dy -> dw
  const void* memory[3] = {call.a, call.b, call.out};
  for (int i = 0; i < 3; ++i) {
    if (!valid_device_range(memory[i], tensor_bytes(c, sizes[i]))) {
      return refuse_dnn(std::string(call.name) + ": operand " + std::to_string(i) +
                            " is not device memory of the described size",
                        CUDNN_STATUS_BAD_PARAM);
    }
  }
  if (call.out == call.a || call.out == call.b) {
    return refuse_dnn("the output is an input", CUDNN_STATUS_BAD_PARAM);
  }
  if (needed && (!call.workspace || call.workspace_bytes < needed ||
                 !valid_device_range(call.workspace, call.workspace_bytes))) {
    return refuse_dnn(std::string(call.name) + ": the workspace is too small",
                      CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT);
  }
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t run(const Call& call, const cudnnTensorStruct* x, const cudnnFilterStruct* w,
                  const cudnnConvolutionStruct* how, const cudnnTensorStruct* y) {
  const Lock lock(runtime_mutex);
  if (!is_live(call.handle)) return CUDNN_STATUS_NOT_INITIALIZED;
  Convolution c;
  if (const auto status = make_convolution(x, w, how, y, &c)) return status;
  if (!call.alpha || !call.beta || is_device(call.alpha) || is_device(call.beta)) {
    return refuse_dnn("alpha and beta are host pointers", CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
  }
  const auto list = algorithms(call.pass, c);
  const auto chosen = std::find_if(list.begin(), list.end(),
                                   [&](const Algorithm& a) { return a.id == call.algorithm; });
  if (chosen == list.end() || !chosen->supported) {
    return refuse_dnn(std::string(call.name) + ": algorithm not supported here",
                      CUDNN_STATUS_NOT_SUPPORTED);
  }
  if (const auto status = check_memory(call, c, chosen->workspace)) return status;
  count_library_call(call.name);
  const float alpha = *static_cast<const float*>(call.alpha);
  const float beta = *static_cast<const float*>(call.beta);
  const auto error = run_on_stream(
      call.handle->stream, [=, needed = chosen->workspace, deterministic = chosen->deterministic] {
        if (!deterministic) ++stats.nondeterministic_algorithms;
        std::memset(call.workspace, 0xff, needed);  // shows whoever else keeps data there
        convolve(call.pass, c, deterministic, alpha, call.a, call.b, beta, call.out);
      });
  return error ? CUDNN_STATUS_EXECUTION_FAILED : CUDNN_STATUS_SUCCESS;
}

}  // namespace

namespace simt {

bool is_live(cudnnHandle_t handle) { return handles.count(handle) != 0; }
cudnnStatus_t refuse_dnn(const std::string& why, cudnnStatus_t status) {
  last_message = why;
  note("cuDNN: " + why);
  return status;
}

}  // namespace simt

extern "C" {

// ----------------------------------------------------------------- handles
cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) {
  const Lock lock(runtime_mutex);
  if (!handle) return CUDNN_STATUS_BAD_PARAM;
  if (forbid_in_capture("cudnnCreate")) return CUDNN_STATUS_NOT_INITIALIZED;
  *handle = new cudnnContext;
  handles.insert(*handle);
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
  const Lock lock(runtime_mutex);
  if (!handles.erase(handle)) return CUDNN_STATUS_NOT_INITIALIZED;
  delete handle;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
  if (!is_live(handle)) return CUDNN_STATUS_NOT_INITIALIZED;
  handle->stream = stream;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnGetStream(cudnnHandle_t handle, cudaStream_t* stream) {
  if (!is_live(handle)) return CUDNN_STATUS_NOT_INITIALIZED;
  *stream = handle->stream;
  return CUDNN_STATUS_SUCCESS;
}
std::size_t cudnnGetVersion() { return CUDNN_VERSION; }
std::size_t cudnnGetCudartVersion() { return CUDART_VERSION; }
cudnnStatus_t cudnnGetProperty(libraryPropertyType type, int* value) {
  switch (type) {
    case MAJOR_VERSION:
      *value = CUDNN_MAJOR;
      break;
    case MINOR_VERSION:
      *value = CUDNN_MINOR;
      break;
    case PATCH_LEVEL:
      *value = CUDNN_PATCHLEVEL;
      break;
    default:
      return CUDNN_STATUS_BAD_PARAM;
  }
  return CUDNN_STATUS_SUCCESS;
}
const char* cudnnGetErrorString(cudnnStatus_t status) {
  switch (status) {
    case CUDNN_STATUS_SUCCESS:
      return "CUDNN_STATUS_SUCCESS";
    case CUDNN_STATUS_NOT_INITIALIZED:
      return "CUDNN_STATUS_NOT_INITIALIZED";
    case CUDNN_STATUS_BAD_PARAM:
      return "CUDNN_STATUS_BAD_PARAM";
    case CUDNN_STATUS_BAD_PARAM_NULL_POINTER:
      return "CUDNN_STATUS_BAD_PARAM_NULL_POINTER";
    case CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT:
      return "CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT";
    case CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH:
      return "CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH";
    case CUDNN_STATUS_NOT_SUPPORTED:
      return "CUDNN_STATUS_NOT_SUPPORTED";
    case CUDNN_STATUS_EXECUTION_FAILED:
      return "CUDNN_STATUS_EXECUTION_FAILED";
    default:
      return "unknown cuDNN status";
  }
}
void cudnnGetLastErrorString(char* message, std::size_t max_size) {
  if (!message || !max_size) return;
  const std::size_t length = last_message.copy(message, max_size - 1);
  message[length] = '\0';
}

// ----------------------------------------------------------------- descriptors
cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t* d) { return create(d); }
cudnnStatus_t cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t d) { return destroy(d); }
cudnnStatus_t cudnnSetTensor4dDescriptor(cudnnTensorDescriptor_t d, cudnnTensorFormat_t format,
                                         cudnnDataType_t type, int n, int c, int h, int w) {
  return set_packed(d, format, type, n, c, h, w);
}
cudnnStatus_t cudnnCreateFilterDescriptor(cudnnFilterDescriptor_t* d) { return create(d); }
cudnnStatus_t cudnnDestroyFilterDescriptor(cudnnFilterDescriptor_t d) { return destroy(d); }
cudnnStatus_t cudnnSetFilter4dDescriptor(cudnnFilterDescriptor_t d, cudnnDataType_t type,
                                         cudnnTensorFormat_t format, int k, int c, int h, int w) {
  return set_packed(d, format, type, k, c, h, w);
}
cudnnStatus_t cudnnCreateConvolutionDescriptor(cudnnConvolutionDescriptor_t* d) {
  return create(d);
}
cudnnStatus_t cudnnDestroyConvolutionDescriptor(cudnnConvolutionDescriptor_t d) {
  return destroy(d);
}
cudnnStatus_t cudnnSetConvolution2dDescriptor(cudnnConvolutionDescriptor_t d, int pad_h, int pad_w,
                                              int stride_h, int stride_w, int dilation_h,
                                              int dilation_w, cudnnConvolutionMode_t mode,
                                              cudnnDataType_t compute) {
  if (!d) return refuse_dnn("null descriptor", CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
  if (pad_h < 0 || pad_w < 0 || stride_h <= 0 || stride_w <= 0 || dilation_h <= 0 ||
      dilation_w <= 0 || (mode != CUDNN_CONVOLUTION && mode != CUDNN_CROSS_CORRELATION)) {
    return refuse_dnn("bad convolution descriptor", CUDNN_STATUS_BAD_PARAM);
  }
  *d = {true,    {pad_h, pad_w}, {stride_h, stride_w}, {dilation_h, dilation_w}, mode, compute,
        d->math, d->groups};
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetConvolutionMathType(cudnnConvolutionDescriptor_t d, cudnnMathType_t math) {
  if (!d) return refuse_dnn("null descriptor", CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
  if (math != CUDNN_DEFAULT_MATH && math != CUDNN_TENSOR_OP_MATH &&
      math != CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION && math != CUDNN_FMA_MATH) {
    return refuse_dnn("unknown math type", CUDNN_STATUS_BAD_PARAM);
  }
  d->math = math;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnGetConvolutionMathType(cudnnConvolutionDescriptor_t d, cudnnMathType_t* math) {
  *math = d->math;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetConvolutionGroupCount(cudnnConvolutionDescriptor_t d, int groups) {
  if (!d || groups < 1) return refuse_dnn("bad group count", CUDNN_STATUS_BAD_PARAM);
  d->groups = groups;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnGetConvolution2dForwardOutputDim(const cudnnConvolutionDescriptor_t how,
                                                    const cudnnTensorDescriptor_t x,
                                                    const cudnnFilterDescriptor_t w, int* n, int* c,
                                                    int* h, int* width) {
  if (!how || !x || !w || !how->set || !x->set || !w->set || x->size[1] != w->size[1]) {
    return refuse_dnn("descriptors do not fit", CUDNN_STATUS_BAD_PARAM);
  }
  *n = x->size[0];
  *c = w->size[0];
  *h = output_size(*how, 0, x->size[2], w->size[2]);
  *width = output_size(*how, 1, x->size[3], w->size[3]);
  return *h > 0 && *width > 0 ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_BAD_PARAM;
}

// ----------------------------------------------------------------- convolutions
cudnnStatus_t cudnnConvolutionForward(cudnnHandle_t handle, const void* alpha,
                                      const cudnnTensorDescriptor_t x_desc, const void* x,
                                      const cudnnFilterDescriptor_t w_desc, const void* w,
                                      const cudnnConvolutionDescriptor_t how,
                                      cudnnConvolutionFwdAlgo_t algorithm, void* workspace,
                                      std::size_t bytes, const void* beta,
                                      const cudnnTensorDescriptor_t y_desc, void* y) {
  return run({"cudnnConvolutionForward", Pass::forward, handle, alpha, x, w, int(algorithm),
              workspace, bytes, beta, y},
             x_desc, w_desc, how, y_desc);
}
cudnnStatus_t cudnnConvolutionBackwardData(cudnnHandle_t handle, const void* alpha,
                                           const cudnnFilterDescriptor_t w_desc, const void* w,
                                           const cudnnTensorDescriptor_t y_desc, const void* dy,
                                           const cudnnConvolutionDescriptor_t how,
                                           cudnnConvolutionBwdDataAlgo_t algorithm, void* workspace,
                                           std::size_t bytes, const void* beta,
                                           const cudnnTensorDescriptor_t x_desc, void* dx) {
  return run({"cudnnConvolutionBackwardData", Pass::data, handle, alpha, w, dy, int(algorithm),
              workspace, bytes, beta, dx},
             x_desc, w_desc, how, y_desc);
}
cudnnStatus_t cudnnConvolutionBackwardFilter(cudnnHandle_t handle, const void* alpha,
                                             const cudnnTensorDescriptor_t x_desc, const void* x,
                                             const cudnnTensorDescriptor_t y_desc, const void* dy,
                                             const cudnnConvolutionDescriptor_t how,
                                             cudnnConvolutionBwdFilterAlgo_t algorithm,
                                             void* workspace, std::size_t bytes, const void* beta,
                                             const cudnnFilterDescriptor_t w_desc, void* dw) {
  return run({"cudnnConvolutionBackwardFilter", Pass::filter, handle, alpha, x, dy, int(algorithm),
              workspace, bytes, beta, dw},
             x_desc, w_desc, how, y_desc);
}

}  // extern "C"
