// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstddef>

#include "device/grid.h"
#include "device/language.h"
#include "device/pack.h"
#include "gather_batch.h"

namespace dropmuon::kernels {
namespace {

constexpr unsigned kMaxGather = 16 * kMaxBlocks;  // small blocks of work: more of them in flight

// A thread writes V neighbouring values of one image; blockIdx.y strides over the images.
template <int V>
__global__ void __launch_bounds__(kThreads)
    gather_batch_kernel(const GatherBatch args, int image_size) {
  const ImageShape& shape = args.image;
  const int row_size = shape.width * shape.channels;
  for (int i = static_cast<int>(blockIdx.y); i < args.n; i += static_cast<int>(gridDim.y)) {
    const auto source = static_cast<std::size_t>(args.indices[i]);
    const Augmentation move = args.augmentation != nullptr ? args.augmentation[i] : Augmentation{};
    const std::uint8_t* image = args.images + source * image_size;
    float* x = args.x + static_cast<std::size_t>(i) * image_size;
    if (blockIdx.x == 0 && threadIdx.x == 0) args.y[i] = args.labels[source];
    const int stride = static_cast<int>(gridDim.x) * kThreads;
    for (int q = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x);
         q < image_size / V; q += stride) {
      int row = q * V / row_size;
      int column = q * V % row_size / shape.channels;
      int channel = q * V % shape.channels;
      Pack<V> out;
      for (int k = 0; k < V; ++k) {
        const int from_row = row + move.top;
        const int from_column = move.left + (move.flip != 0 ? shape.width - 1 - column : column);
        const bool inside = from_row >= 0 && from_row < shape.height && from_column >= 0 &&
                            from_column < shape.width;
        const float pixel =
            inside ? static_cast<float>(
                         image[from_row * row_size + from_column * shape.channels + channel])
                   : 0.0F;
        out.v[k] = (pixel * (1.0F / 255.0F) - args.mean[channel]) * args.inverse_std[channel];
        if (++channel == shape.channels) {
          channel = 0;
          if (++column == shape.width) {
            column = 0;
            ++row;
          }
        }
      }
      store<V>(x + static_cast<std::size_t>(q) * V, out);
    }
  }
}

template <int V>
cudaError_t run(const GatherBatch& args, int image_size, cudaStream_t stream) {
  const unsigned across = grid_blocks(static_cast<std::size_t>(image_size / V));
  const unsigned images = std::min(static_cast<unsigned>(args.n), kMaxGather / across);
  return launch(gather_batch_kernel<V>, dim3(across, images), kThreads, 0, stream, args,
                image_size);
}

}  // namespace

cudaError_t gather_batch(const GatherBatch& args, cudaStream_t stream) {
  if (args.n < 1 || args.image.height < 1 || args.image.width < 1 || args.image.channels < 1) {
    return cudaErrorInvalidValue;
  }
  const std::size_t row_size = static_cast<std::size_t>(args.image.width) * args.image.channels;
  constexpr std::size_t kLimit = std::size_t{1} << 30;
  if (row_size >= kLimit || row_size * args.image.height >= kLimit) return cudaErrorInvalidValue;
  const int size = static_cast<int>(row_size) * args.image.height;
  return size % 4 == 0 && aligned16(args.x) ? run<4>(args, size, stream)
                                            : run<1>(args, size, stream);
}

}  // namespace dropmuon::kernels
