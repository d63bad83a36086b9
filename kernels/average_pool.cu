// SPDX-License-Identifier: MIT
#include <cstddef>

#include "average_pool.h"
#include "device/grid.h"
#include "device/language.h"
#include "device/pack.h"

namespace dropmuon::kernels {
namespace {

// A thread per image and channel; neighbouring threads read neighbouring channels.
__global__ void __launch_bounds__(kThreads, kBlocksPerProcessor)
    average_pool_forward_kernel(const AveragePool args, std::size_t pixels) {
  const std::size_t channels = static_cast<std::size_t>(args.shape.channels);
  const std::size_t count = static_cast<std::size_t>(args.n) * channels;
  const std::size_t stride = static_cast<std::size_t>(gridDim.x) * kThreads;
  for (std::size_t i = static_cast<std::size_t>(blockIdx.x) * kThreads + threadIdx.x; i < count;
       i += stride) {
    const float* image = args.image + i / channels * pixels * channels + i % channels;
    float sum = 0.0F;
#pragma unroll 8
    for (std::size_t p = 0; p < pixels; ++p) sum += image[p * channels];
    args.pooled[i] = sum / static_cast<float>(pixels);
  }
}

template <int V>
__global__ void __launch_bounds__(kThreads, kBlocksPerProcessor)
    average_pool_backward_kernel(const AveragePool args, std::size_t pixels) {
  const std::size_t groups = static_cast<std::size_t>(args.shape.channels / V);
  const std::size_t count = static_cast<std::size_t>(args.n) * pixels * groups;
  const std::size_t stride = static_cast<std::size_t>(gridDim.x) * kThreads;
  for (std::size_t i = static_cast<std::size_t>(blockIdx.x) * kThreads + threadIdx.x; i < count;
       i += stride) {
    const std::size_t image = i / (pixels * groups);
    Pack<V> value = load<V>(args.pooled + (image * groups + i % groups) * V);
    for (int k = 0; k < V; ++k) value.v[k] /= static_cast<float>(pixels);
    store<V>(args.image + i * V, value);
  }
}

std::size_t pixel_count(const AveragePool& args) {
  return static_cast<std::size_t>(args.shape.height) * static_cast<std::size_t>(args.shape.width);
}

bool valid(const AveragePool& args) {
  return args.n > 0 && args.shape.height > 0 && args.shape.width > 0 && args.shape.channels > 0;
}

}  // namespace

cudaError_t average_pool_forward(const AveragePool& args, cudaStream_t stream) {
  if (!valid(args)) return cudaErrorInvalidValue;
  const std::size_t count = static_cast<std::size_t>(args.n) * args.shape.channels;
  return launch(average_pool_forward_kernel, grid_blocks(count), kThreads, 0, stream, args,
                pixel_count(args));
}

cudaError_t average_pool_backward(const AveragePool& args, cudaStream_t stream) {
  if (!valid(args)) return cudaErrorInvalidValue;
  const std::size_t count =
      static_cast<std::size_t>(args.n) * pixel_count(args) * args.shape.channels;
  if (args.shape.channels % 4 == 0 && aligned16(args.image) && aligned16(args.pooled)) {
    return launch(average_pool_backward_kernel<4>, grid_blocks(count / 4), kThreads, 0, stream,
                  args, pixel_count(args));
  }
  return launch(average_pool_backward_kernel<1>, grid_blocks(count), kThreads, 0, stream, args,
                pixel_count(args));
}

}  // namespace dropmuon::kernels
