// SPDX-License-Identifier: MIT
// Every library object is owned by one move-only type made from one template.
#pragma once

#include <type_traits>
#include <utility>

#include "check.h"

namespace dropmuon::cuda {

// Owns a T that `destroy` ends; empty when default-made or moved from.
template <typename T, auto destroy>
class Handle {
 public:
  Handle() = default;
  explicit Handle(T value) : value_(value) {}
  Handle(Handle&& other) noexcept : value_(std::exchange(other.value_, nullptr)) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~Handle() {
    if (value_ != nullptr) log_failure(destroy(value_));
  }
  T get() const { return value_; }
  operator T() const { return value_; }  // passed to the libraries as what it is
  explicit operator bool() const { return value_ != nullptr; }

 private:
  T value_ = nullptr;
};

using Stream = Handle<cudaStream_t, &cudaStreamDestroy>;
using Event = Handle<cudaEvent_t, &cudaEventDestroy>;
using Graph = Handle<cudaGraph_t, &cudaGraphDestroy>;
using GraphExec = Handle<cudaGraphExec_t, &cudaGraphExecDestroy>;
using BlasHandle = Handle<cublasHandle_t, &cublasDestroy>;
using DnnHandle = Handle<cudnnHandle_t, &cudnnDestroy>;
using TensorDescriptor = Handle<cudnnTensorDescriptor_t, &cudnnDestroyTensorDescriptor>;
using FilterDescriptor = Handle<cudnnFilterDescriptor_t, &cudnnDestroyFilterDescriptor>;
using ConvolutionDescriptor =
    Handle<cudnnConvolutionDescriptor_t, &cudnnDestroyConvolutionDescriptor>;

// A stream that does not wait for the legacy default stream: nothing here uses that one.
Stream make_stream();
Event make_event();  // with timing
BlasHandle make_blas(cudaStream_t stream);
DnnHandle make_dnn(cudaStream_t stream);

}  // namespace dropmuon::cuda
