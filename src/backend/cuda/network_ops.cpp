// SPDX-License-Identifier: MIT
// Forward and backward operations: each is one launch of the kernel of its name.
#include <cstddef>

#include "convolution.h"
#include "cuda_backend.h"
#include "kernels/average_pool.h"
#include "kernels/bias.h"
#include "kernels/bias_relu_pool.h"
#include "kernels/gather_batch.h"
#include "kernels/softmax_cross_entropy.h"

namespace dropmuon::cuda {
namespace {

// The kernels know no other room's headers, so these two layouts are stated twice.
static_assert(sizeof(kernels::CropFlip) == sizeof(Augmentation));
static_assert(offsetof(kernels::CropFlip, left) == offsetof(Augmentation, left));
static_assert(offsetof(kernels::CropFlip, flip) == offsetof(Augmentation, flip));
static_assert(sizeof(kernels::LossSums) == sizeof(LossSums));
static_assert(offsetof(kernels::LossSums, correct) == offsetof(LossSums, correct));
static_assert(offsetof(kernels::LossSums, count) == offsetof(LossSums, count));

kernels::AveragePool average_pool(const AveragePool& args) {
  return {.n = args.n,
          .height = args.shape.height,
          .width = args.shape.width,
          .channels = args.shape.channels,
          .image = args.image,
          .pooled = args.pooled};
}

}  // namespace

std::unique_ptr<Conv2d> CudaBackend::make_conv2d(const Conv2dShape& shape) {
  return std::make_unique<Convolution>(shape, precision_,
                                       ConvolutionContext{.dnn = dnn_,
                                                          .stream = stream_,
                                                          .workspace = &convolution_workspace_,
                                                          .allocated = &allocated_});
}

void CudaBackend::gather_batch(const GatherBatch& args) {
  DM_CUDA(
      kernels::gather_batch({.n = args.n,
                             .height = args.image.height,
                             .width = args.image.width,
                             .channels = args.image.channels,
                             .images = args.images,
                             .labels = args.labels,
                             .indices = args.indices,
                             .moves = reinterpret_cast<const kernels::CropFlip*>(args.augmentation),
                             .mean = args.mean,
                             .inverse_std = args.inverse_std,
                             .x = args.x,
                             .y = args.y},
                            stream_));
}

void CudaBackend::bias_relu_pool_forward(const BiasReluPoolForward& args) {
  DM_CUDA(kernels::bias_relu_pool_forward({.n = args.n,
                                           .height = args.conv_shape.height,
                                           .width = args.conv_shape.width,
                                           .channels = args.conv_shape.channels,
                                           .pool = args.pool,
                                           .conv = args.conv,
                                           .bias = args.bias,
                                           .out = args.out,
                                           .winner = args.winner},
                                          stream_));
}

void CudaBackend::bias_relu_pool_backward(const BiasReluPoolBackward& args) {
  DM_CUDA(kernels::bias_relu_pool_backward({.n = args.n,
                                            .height = args.conv_shape.height,
                                            .width = args.conv_shape.width,
                                            .channels = args.conv_shape.channels,
                                            .pool = args.pool,
                                            .dout = args.dout,
                                            .winner = args.winner,
                                            .dconv = args.dconv,
                                            .dbias = args.dbias,
                                            .accumulate = args.mode == GradMode::accumulate},
                                           scratch(), stream_));
}

void CudaBackend::average_pool_forward(const AveragePool& args) {
  DM_CUDA(kernels::average_pool_forward(average_pool(args), stream_));
}

void CudaBackend::average_pool_backward(const AveragePool& args) {
  DM_CUDA(kernels::average_pool_backward(average_pool(args), stream_));
}

void CudaBackend::add_bias(const AddBias& args) {
  DM_CUDA(kernels::add_bias(args.n, args.features, args.bias, args.y, stream_));
}

void CudaBackend::bias_gradient(const BiasGradient& args) {
  DM_CUDA(kernels::bias_gradient(args.n, args.features, args.dy, args.dbias,
                                 args.mode == GradMode::accumulate, scratch(), stream_));
}

void CudaBackend::softmax_cross_entropy(const SoftmaxCrossEntropy& args) {
  DM_CUDA(kernels::softmax_cross_entropy({.n = args.n,
                                          .classes = args.classes,
                                          .logits = args.logits,
                                          .labels = args.labels,
                                          .dlogits = args.dlogits,
                                          .gradient_scale = args.gradient_scale,
                                          .sums = reinterpret_cast<kernels::LossSums*>(args.sums)},
                                         scratch(), stream_));
}

}  // namespace dropmuon::cuda
