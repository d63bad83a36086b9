// SPDX-License-Identifier: MIT
// The maximum is taken first: max(x_k) + bias equals max(x_k + bias), and one addition per window
// is enough. A thread treats V channels of a window; the window's side is a compile-time constant
// for the usual pools 1 and 2 (kPool 0: any).
#include <cstddef>

#include "bias_relu_pool.h"
#include "device/column_sums.h"
#include "device/grid.h"
#include "device/language.h"
#include "device/pack.h"

namespace dropmuon::kernels {
namespace {

template <int V, int kPool, bool kKeep>
__global__ void __launch_bounds__(kThreads, kBlocksPerProcessor)
    bias_relu_pool_forward_kernel(const BiasReluPoolForward args) {
  const ImageShape& shape = args.conv_shape;
  const int pool = kPool > 0 ? kPool : args.pool;
  const std::size_t groups = static_cast<std::size_t>(shape.channels / V);
  const std::size_t out_height = static_cast<std::size_t>(shape.height / pool);
  const std::size_t out_width = static_cast<std::size_t>(shape.width / pool);
  const std::size_t channels = static_cast<std::size_t>(shape.channels);
  const std::size_t row_size = static_cast<std::size_t>(shape.width) * channels;
  const std::size_t count = static_cast<std::size_t>(args.n) * out_height * out_width * groups;
  const std::size_t stride = static_cast<std::size_t>(gridDim.x) * kThreads;
  for (std::size_t i = static_cast<std::size_t>(blockIdx.x) * kThreads + threadIdx.x; i < count;
       i += stride) {
    const std::size_t pixel = i / groups;
    const std::size_t channel = i % groups * V;
    const std::size_t out_row = pixel / out_width;
    const std::size_t row = out_row / out_height * shape.height + out_row % out_height * pool;
    const float* window =
        args.conv + row * row_size + pixel % out_width * pool * channels + channel;
    Pack<V> best = load<V>(window);
    Bytes<V> winner{};
    for (int r = 0; r < pool; ++r) {
      for (int c = 0; c < pool; ++c) {
        if (r + c == 0) continue;
        const Pack<V> x = load<V>(window + r * row_size + c * channels);
        for (int k = 0; k < V; ++k) {
          if (x.v[k] > best.v[k]) {
            best.v[k] = x.v[k];
            winner.v[k] = static_cast<std::uint8_t>(r * pool + c);
          }
        }
      }
    }
    const Pack<V> bias = load<V>(args.bias + channel);
    for (int k = 0; k < V; ++k) {
      const float sum = best.v[k] + bias.v[k];
      best.v[k] = sum <= 0.0F ? 0.0F : sum;  // written so that NaN passes
      if (!(sum > 0.0F)) winner.v[k] = kNoWinner;
    }
    const std::size_t out = pixel * channels + channel;
    store<V>(args.out + out, best);
    if constexpr (kKeep) store_bytes<V>(args.winner + out, winner);
  }
}

// The image in cells of pool x pool; those at the lower and right edge may be cut off and are then
// no window, but their zeros must be written all the same.
struct Cells {
  std::size_t rows, columns;  // per image
};

template <int V, int kPool>
__global__ void __launch_bounds__(kColumnThreads, 2)
    bias_relu_pool_backward_kernel(const BiasReluPoolBackward args, const ColumnGrid grid,
                                   const Cells cells, float* partials, unsigned* counter) {
  const ImageShape& shape = args.conv_shape;
  const int pool = kPool > 0 ? kPool : args.pool;
  const int out_height = shape.height / pool;
  const int out_width = shape.width / pool;
  const std::size_t channels = static_cast<std::size_t>(shape.channels);
  const std::size_t count = static_cast<std::size_t>(args.n) * cells.rows * cells.columns;
  const ColumnPlace place(grid);
  const std::size_t channel = static_cast<std::size_t>(place.group) * V;
  Pack<V> sum{};
  for (std::size_t cell = place.row; place.active && cell < count; cell += place.stride) {
    const std::size_t cell_row = cell / cells.columns;
    const int column = static_cast<int>(cell % cells.columns);
    const std::size_t image = cell_row / cells.rows;
    const int row = static_cast<int>(cell_row % cells.rows);
    Pack<V> dout{};
    Bytes<V> winner;
    for (int k = 0; k < V; ++k) winner.v[k] = kNoWinner;
    if (row < out_height && column < out_width) {
      const std::size_t out =
          ((image * out_height + row) * out_width + column) * channels + channel;
      dout = load<V>(args.dout + out);
      winner = load_bytes<V>(args.winner + out);
    }
    for (int k = 0; k < V; ++k) sum.v[k] += winner.v[k] != kNoWinner ? dout.v[k] : 0.0F;
    for (int r = 0; r < pool; ++r) {
      const int y = row * pool + r;
      for (int c = 0; c < pool; ++c) {
        const int x = column * pool + c;
        if (y >= shape.height || x >= shape.width) continue;
        Pack<V> dconv;
        for (int k = 0; k < V; ++k) {
          dconv.v[k] = winner.v[k] == r * pool + c ? dout.v[k] : 0.0F;
        }
        store<V>(args.dconv + ((image * shape.height + y) * shape.width + x) * channels + channel,
                 dconv);
      }
    }
  }
  if (args.dbias == nullptr) return;  // the same for all threads
  finish_column_sums<V>(grid, place, sum, partials, counter, args.dbias,
                        args.mode == GradMode::accumulate);
}

template <typename Args>
bool valid(const Args& args) {
  const ImageShape& shape = args.conv_shape;
  return args.n > 0 && shape.height > 0 && shape.width > 0 && shape.channels > 0 && args.pool > 0 &&
         args.pool <= kMaxPool && args.pool <= shape.height && args.pool <= shape.width;
}

bool aligned4(const void* p) { return reinterpret_cast<std::uintptr_t>(p) % 4 == 0; }

template <int V, int kPool>
cudaError_t run_forward(const BiasReluPoolForward& args, cudaStream_t stream) {
  const ImageShape& shape = args.conv_shape;
  const std::size_t count = static_cast<std::size_t>(args.n) * (shape.height / args.pool) *
                            (shape.width / args.pool) * (shape.channels / V);
  const auto kernel = args.winner != nullptr ? bias_relu_pool_forward_kernel<V, kPool, true>
                                             : bias_relu_pool_forward_kernel<V, kPool, false>;
  return launch(kernel, grid_blocks(count), kThreads, 0, stream, args);
}

template <int V, int kPool>
cudaError_t run_backward(const BiasReluPoolBackward& args, const Scratch& scratch,
                         cudaStream_t stream) {
  const ImageShape& shape = args.conv_shape;
  const auto channels = static_cast<std::size_t>(shape.channels);
  std::size_t max_blocks = kColumnBlocks;
  if (args.dbias != nullptr) {
    if (scratch.float_count < channels || scratch.counter_count < 1) return cudaErrorInvalidValue;
    max_blocks = scratch.float_count / channels;
  }
  const Cells cells{static_cast<std::size_t>((shape.height + args.pool - 1) / args.pool),
                    static_cast<std::size_t>((shape.width + args.pool - 1) / args.pool)};
  const std::size_t rows = static_cast<std::size_t>(args.n) * cells.rows * cells.columns;
  const ColumnGrid grid = column_grid(rows, shape.channels, V, max_blocks, 1);
  return launch(bias_relu_pool_backward_kernel<V, kPool>,
                dim3(static_cast<unsigned>(grid.blocks), static_cast<unsigned>(grid.tiles)),
                kColumnThreads, 0, stream, args, grid, cells, scratch.floats, scratch.counters);
}

}  // namespace

cudaError_t bias_relu_pool_forward(const BiasReluPoolForward& args, cudaStream_t stream) {
  if (!valid(args)) return cudaErrorInvalidValue;
  const bool wide = args.conv_shape.channels % 4 == 0 && aligned16(args.conv) &&
                    aligned16(args.bias) && aligned16(args.out) && aligned4(args.winner);
  switch (args.pool) {
    case 1:
      return wide ? run_forward<4, 1>(args, stream) : run_forward<1, 1>(args, stream);
    case 2:
      return wide ? run_forward<4, 2>(args, stream) : run_forward<1, 2>(args, stream);
    default:
      return wide ? run_forward<4, 0>(args, stream) : run_forward<1, 0>(args, stream);
  }
}

cudaError_t bias_relu_pool_backward(const BiasReluPoolBackward& args, const Scratch& scratch,
                                    cudaStream_t stream) {
  if (!valid(args)) return cudaErrorInvalidValue;
  const bool wide = args.conv_shape.channels % 4 == 0 && aligned16(args.dout) &&
                    aligned4(args.winner) && aligned16(args.dconv) && aligned16(scratch.floats);
  switch (args.pool) {
    case 1:
      return wide ? run_backward<4, 1>(args, scratch, stream)
                  : run_backward<1, 1>(args, scratch, stream);
    case 2:
      return wide ? run_backward<4, 2>(args, scratch, stream)
                  : run_backward<1, 2>(args, scratch, stream);
    default:
      return wide ? run_backward<4, 0>(args, scratch, stream)
                  : run_backward<1, 0>(args, scratch, stream);
  }
}

}  // namespace dropmuon::kernels
