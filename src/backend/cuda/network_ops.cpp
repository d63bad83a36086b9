// SPDX-License-Identifier: MIT
// Forward and backward operations: each is one launch of the kernel of its name.
#include "convolution.h"
#include "cuda_backend.h"
#include "kernels/average_pool.h"
#include "kernels/bias.h"
#include "kernels/bias_relu_pool.h"
#include "kernels/gather_batch.h"
#include "kernels/softmax_cross_entropy.h"

namespace dropmuon::cuda {

std::unique_ptr<Conv2d> CudaBackend::make_conv2d(const Conv2dShape& shape) {
  return std::make_unique<Convolution>(shape, precision_,
                                       ConvolutionContext{.dnn = dnn_,
                                                          .stream = stream_,
                                                          .workspace = &convolution_workspace_,
                                                          .allocated = &allocated_});
}

void CudaBackend::gather_batch(const GatherBatch& args) {
  DM_CUDA(kernels::gather_batch(args, stream_));
}

void CudaBackend::bias_relu_pool_forward(const BiasReluPoolForward& args) {
  DM_CUDA(kernels::bias_relu_pool_forward(args, stream_));
}

void CudaBackend::bias_relu_pool_backward(const BiasReluPoolBackward& args) {
  DM_CUDA(kernels::bias_relu_pool_backward(args, scratch(), stream_));
}

void CudaBackend::average_pool_forward(const AveragePool& args) {
  DM_CUDA(kernels::average_pool_forward(args, stream_));
}

void CudaBackend::average_pool_backward(const AveragePool& args) {
  DM_CUDA(kernels::average_pool_backward(args, stream_));
}

void CudaBackend::add_bias(const AddBias& args) { DM_CUDA(kernels::add_bias(args, stream_)); }

void CudaBackend::bias_gradient(const BiasGradient& args) {
  DM_CUDA(kernels::bias_gradient(args, scratch(), stream_));
}

void CudaBackend::softmax_cross_entropy(const SoftmaxCrossEntropy& args) {
  DM_CUDA(kernels::softmax_cross_entropy(args, scratch(), stream_));
}

}  // namespace dropmuon::cuda
