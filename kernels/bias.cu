// SPDX-License-Identifier: MIT
#include <cstddef>

#include "bias.h"
#include "device/column_sums.h"
#include "device/grid.h"
#include "device/language.h"
#include "device/pack.h"

namespace dropmuon::kernels {
namespace {

template <int V>
__global__ void __launch_bounds__(kThreads, kBlocksPerProcessor)
    add_bias_kernel(std::size_t count, std::size_t groups, const float* bias, float* y) {
  const std::size_t stride = static_cast<std::size_t>(gridDim.x) * kThreads;
  for (std::size_t i = static_cast<std::size_t>(blockIdx.x) * kThreads + threadIdx.x; i < count;
       i += stride) {
    Pack<V> value = load<V>(y + i * V);
    const Pack<V> term = load<V>(bias + i % groups * V);
    for (int k = 0; k < V; ++k) value.v[k] += term.v[k];
    store<V>(y + i * V, value);
  }
}

template <int V>
__global__ void __launch_bounds__(kColumnThreads, 2)
    bias_gradient_kernel(std::size_t n, const float* dy, const ColumnGrid grid, float* partials,
                         unsigned* counter, float* dbias, bool accumulate) {
  const ColumnPlace place(grid);
  const std::size_t channels = static_cast<std::size_t>(grid.channels);
  const std::size_t channel = static_cast<std::size_t>(place.group) * V;
  Pack<V> sum{};
  if (place.active) {
#pragma unroll 4
    for (std::size_t row = place.row; row < n; row += place.stride) {
      const Pack<V> term = load<V>(dy + row * channels + channel);
      for (int k = 0; k < V; ++k) sum.v[k] += term.v[k];
    }
  }
  finish_column_sums<V>(grid, place, sum, partials, counter, dbias, accumulate);
}

template <int V>
cudaError_t run_add(const AddBias& args, cudaStream_t stream) {
  const std::size_t groups = static_cast<std::size_t>(args.features / V);
  const std::size_t count = static_cast<std::size_t>(args.n) * groups;
  return launch(add_bias_kernel<V>, grid_blocks(count), kThreads, 0, stream, count, groups,
                args.bias, args.y);
}

template <int V>
cudaError_t run_gradient(const BiasGradient& args, const Scratch& scratch, cudaStream_t stream) {
  const auto rows = static_cast<std::size_t>(args.n);
  const std::size_t max_blocks = scratch.float_count / static_cast<std::size_t>(args.features);
  const ColumnGrid grid = column_grid(rows, args.features, V, max_blocks, 8);
  return launch(bias_gradient_kernel<V>,
                dim3(static_cast<unsigned>(grid.blocks), static_cast<unsigned>(grid.tiles)),
                kColumnThreads, 0, stream, rows, args.dy, grid, scratch.floats, scratch.counters,
                args.dbias, args.mode == GradMode::accumulate);
}

}  // namespace

cudaError_t add_bias(const AddBias& args, cudaStream_t stream) {
  if (args.n < 1 || args.features < 1) return cudaErrorInvalidValue;
  return args.features % 4 == 0 && aligned16(args.bias) && aligned16(args.y)
             ? run_add<4>(args, stream)
             : run_add<1>(args, stream);
}

cudaError_t bias_gradient(const BiasGradient& args, const Scratch& scratch, cudaStream_t stream) {
  if (args.n < 1 || args.features < 1) return cudaErrorInvalidValue;
  if (scratch.float_count < static_cast<std::size_t>(args.features) || scratch.counter_count < 1) {
    return cudaErrorInvalidValue;
  }
  return args.features % 4 == 0 && aligned16(args.dy) && aligned16(scratch.floats)
             ? run_gradient<4>(args, scratch, stream)
             : run_gradient<1>(args, scratch, stream);
}

}  // namespace dropmuon::kernels
