// SPDX-License-Identifier: MIT
#include "handle.h"

namespace dropmuon::cuda {

Stream make_stream() {
  cudaStream_t stream = nullptr;
  DM_CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  return Stream(stream);
}

Event make_event() {
  cudaEvent_t event = nullptr;
  DM_CUDA(cudaEventCreateWithFlags(&event, cudaEventDefault));
  return Event(event);
}

BlasHandle make_blas(cudaStream_t stream) {
  cublasHandle_t handle = nullptr;
  DM_CUBLAS(cublasCreate(&handle));
  BlasHandle owned(handle);
  DM_CUBLAS(cublasSetStream(owned, stream));
  return owned;
}

DnnHandle make_dnn(cudaStream_t stream) {
  cudnnHandle_t handle = nullptr;
  DM_CUDNN(cudnnCreate(&handle));
  DnnHandle owned(handle);
  DM_CUDNN(cudnnSetStream(owned, stream));
  return owned;
}

}  // namespace dropmuon::cuda
