// SPDX-License-Identifier: MIT
#include "convolution.h"

#include "kernels/convert.h"
#include <dropmuon/core/error.h>

namespace dropmuon::cuda {
namespace {

constexpr float kOne = 1.0F;
constexpr float kZero = 0.0F;
constexpr std::size_t kAlign = 256;

std::size_t aligned(std::size_t bytes) { return (bytes + kAlign - 1) / kAlign * kAlign; }

__nv_bfloat16* bf16(const DeviceMemory& memory) {
  return static_cast<__nv_bfloat16*>(memory.get());
}

template <typename Pass>
const Pass& available(const Pass& pass, const char* name, const Conv2dShape& shape) {
  if (!pass.available()) {
    fail(ExitCode::internal, "cuDNN has no deterministic {} for {}x{}x{} -> {} channels, kernel {}",
         name, shape.input.height, shape.input.width, shape.input.channels, shape.out_channels,
         shape.kernel);
  }
  return pass;
}

}  // namespace

Convolution::Convolution(const Conv2dShape& shape, Precision precision,
                         const ConvolutionContext& context)
    : shape_(shape), precision_(precision), context_(context) {
  DM_CHECK(shape.kernel > 0 && shape.kernel % 2 == 1, "conv2d kernel {} is not odd", shape.kernel);
  const std::size_t element = half() ? sizeof(__nv_bfloat16) : sizeof(float);
  filter_ = allocate_device_memory(filter_size() * element);
  gradient_ = allocate_device_memory(filter_size() * sizeof(float));
  if (half()) half_gradient_ = allocate_device_memory(filter_size() * element);
  *context_.allocated += filter_bytes();
}

Convolution::~Convolution() { *context_.allocated -= filter_bytes(); }

std::size_t Convolution::filter_bytes() const {
  return filter_size() * (half() ? 2 * sizeof(__nv_bfloat16) + sizeof(float) : 2 * sizeof(float));
}

std::size_t Convolution::filter_size() const {
  return static_cast<std::size_t>(shape_.out_channels) * shape_.kernel * shape_.kernel *
         shape_.input.channels;
}

ImageShape Convolution::output() const {
  return {shape_.input.height, shape_.input.width, shape_.out_channels};
}

void Convolution::prepare(int n) {
  const auto [entry, fresh] = plans_.try_emplace(n, context_.dnn, shape_, n, precision_);
  if (!fresh) return;
  context_.workspace->reserve(converted_x_bytes(n) + converted_y_bytes(n) +
                              entry->second.workspace_bytes());
}

const ConvolutionPlan& Convolution::plan(int n) const {
  const auto found = plans_.find(n);
  DM_CHECK(found != plans_.end(), "a convolution of {} images, which was not prepared", n);
  return found->second;
}

std::size_t Convolution::converted_x_bytes(int n) const {
  return half() ? aligned(static_cast<std::size_t>(n) * shape_.input.size() * sizeof(__nv_bfloat16))
                : 0;
}

std::size_t Convolution::converted_y_bytes(int n) const {
  return half() ? aligned(static_cast<std::size_t>(n) * output().size() * sizeof(__nv_bfloat16))
                : 0;
}

Convolution::Places Convolution::places(int n) const {
  auto* const x = static_cast<char*>(context_.workspace->data());
  char* const y = x + converted_x_bytes(n);
  return {.x = reinterpret_cast<__nv_bfloat16*>(x),
          .y = reinterpret_cast<__nv_bfloat16*>(y),
          .workspace = y + converted_y_bytes(n)};
}

void Convolution::load_filter(const float* w) {
  if (half()) {
    DM_CUDA(kernels::to_bf16(filter_size(), w, bf16(filter_), context_.stream));
  } else {
    DM_CUDA(cudaMemcpyAsync(filter_, w, filter_size() * sizeof(float), cudaMemcpyDeviceToDevice,
                            context_.stream));
  }
}

void Convolution::forward(int n, const float* x, float* y) {
  const ConvolutionPlan& plan = this->plan(n);
  const Places at = places(n);
  const std::size_t inputs = static_cast<std::size_t>(n) * shape_.input.size();
  if (half()) DM_CUDA(kernels::to_bf16(inputs, x, at.x, context_.stream));
  const void* from = half() ? static_cast<const void*>(at.x) : x;
  void* to = half() ? static_cast<void*>(at.y) : y;
  const auto& pass = available(plan.forward, "forward convolution", shape_);
  DM_CUDNN(cudnnConvolutionForward(context_.dnn, &kOne, plan.x, from, plan.w, filter_,
                                   pass.convolution, pass.algorithm, at.workspace,
                                   pass.workspace_bytes, &kZero, plan.y, to));
  const std::size_t outputs = static_cast<std::size_t>(n) * output().size();
  if (half()) DM_CUDA(kernels::from_bf16(outputs, at.y, y, false, context_.stream));
}

void Convolution::backward_input(int n, const float* dy, float* dx) {
  const ConvolutionPlan& plan = this->plan(n);
  const Places at = places(n);
  const std::size_t outputs = static_cast<std::size_t>(n) * output().size();
  if (half()) DM_CUDA(kernels::to_bf16(outputs, dy, at.y, context_.stream));
  const void* from = half() ? static_cast<const void*>(at.y) : dy;
  void* to = half() ? static_cast<void*>(at.x) : dx;
  const auto& pass = available(plan.backward_input, "data gradient", shape_);
  DM_CUDNN(cudnnConvolutionBackwardData(context_.dnn, &kOne, plan.w, filter_, plan.y, from,
                                        pass.convolution, pass.algorithm, at.workspace,
                                        pass.workspace_bytes, &kZero, plan.x, to));
  const std::size_t inputs = static_cast<std::size_t>(n) * shape_.input.size();
  if (half()) DM_CUDA(kernels::from_bf16(inputs, at.x, dx, false, context_.stream));
}

void Convolution::backward_filter(int n, const float* x, const float* dy, GradMode mode) {
  const ConvolutionPlan& plan = this->plan(n);
  const Places at = places(n);
  const bool accumulate = mode == GradMode::accumulate;
  if (half()) {
    const auto images = static_cast<std::size_t>(n);
    DM_CUDA(kernels::to_bf16(images * shape_.input.size(), x, at.x, context_.stream));
    DM_CUDA(kernels::to_bf16(images * output().size(), dy, at.y, context_.stream));
  }
  // bf16 gradients of single micro-batches are added up in fp32 behind the call.
  const float* const beta = accumulate && !half() ? &kOne : &kZero;
  const auto& pass = available(plan.backward_filter, "filter gradient", shape_);
  DM_CUDNN(cudnnConvolutionBackwardFilter(
      context_.dnn, &kOne, plan.x, half() ? static_cast<const void*>(at.x) : x, plan.y,
      half() ? static_cast<const void*>(at.y) : dy, pass.convolution, pass.algorithm, at.workspace,
      pass.workspace_bytes, beta, plan.w, half() ? half_gradient_ : gradient_));
  if (half()) {
    DM_CUDA(kernels::from_bf16(filter_size(), bf16(half_gradient_),
                               static_cast<float*>(gradient_.get()), accumulate, context_.stream));
  }
}

void Convolution::store_filter_gradient(float* dw) {
  DM_CUDA(cudaMemcpyAsync(dw, gradient_, filter_size() * sizeof(float), cudaMemcpyDeviceToDevice,
                          context_.stream));
}

}  // namespace dropmuon::cuda
