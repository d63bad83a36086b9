// SPDX-License-Identifier: MIT
// Bias, ReLU and max-pool around a convolution, one pass over memory each way. The maximum is taken
// first: max(x_k) + bias equals max(x_k + bias), and one addition per window is enough.
#include <algorithm>

#include "cpu_backend.h"
#include <dropmuon/core/error.h>

namespace dropmuon::cpu {
namespace {

struct Geometry {
  explicit Geometry(const ImageShape& conv, int pool)
      : channels(conv.channels),
        row(static_cast<std::size_t>(conv.width) * conv.channels),
        out_height(conv.height / pool),
        out_width(conv.width / pool) {}
  int channels;
  std::size_t row;  // floats in one row of the convolution's output
  int out_height;
  int out_width;
};

void check(int n, const ImageShape& conv, int pool) {
  DM_CHECK(n > 0 && conv.size() > 0, "bias_relu_pool of nothing");
  DM_CHECK(pool >= 1 && pool <= kMaxPool && pool <= conv.height && pool <= conv.width,
           "pool {} does not fit {}x{}", pool, conv.height, conv.width);
}

// The pointers of one window. Bytes may alias anything, so without restrict the compiler reloads
// the loop bounds after every winner it stores and gives up on vectors.
struct Window {
  const float* __restrict conv;
  const float* __restrict bias;
  float* __restrict out;
  std::uint8_t* __restrict winner;
};

// One output pixel, up to kBlock channels of it. kPool > 0 fixes the window at compile time. The
// winners stay fp32 lanes like the values until the block is done: mixing bytes into the loop made
// it four times slower (GCC 12, AVX-512).
constexpr int kBlock = 64;
template <int kPool, bool kKeep>
void pool_block(const Window w, int pool_size, std::size_t row, int channels, int block) {
  const int pool = kPool > 0 ? kPool : pool_size;
  float winner[kBlock];
#pragma omp simd
  for (int c = 0; c < block; ++c) {
    float best = w.conv[c];
    float index = 0.0F;
    for (int i = 0; i < pool; ++i) {
      for (int j = 0; j < pool; ++j) {
        const float value =
            w.conv[static_cast<std::size_t>(i) * row + static_cast<std::size_t>(j) * channels + c];
        if constexpr (kKeep) index = value > best ? static_cast<float>(i * pool + j) : index;
        best = value > best ? value : best;
      }
    }
    best += w.bias[c];
    w.out[c] = best <= 0.0F ? 0.0F : best;  // written so that NaN passes
    if constexpr (kKeep) winner[c] = best > 0.0F ? index : static_cast<float>(kNoWinner);
  }
  if constexpr (kKeep) {
#pragma omp simd
    for (int c = 0; c < block; ++c) {
      w.winner[c] = static_cast<std::uint8_t>(static_cast<int>(winner[c]));
    }
  }
}

template <int kPool, bool kKeep>
void forward(const BiasReluPoolForward& args, int threads) {
  const Geometry g(args.conv_shape, args.pool);
  const int rows = args.n * g.out_height;
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int r = 0; r < rows; ++r) {
    const int image = r / g.out_height;
    const int top = r % g.out_height * args.pool;
    const float* source = args.conv + static_cast<std::size_t>(image) * args.conv_shape.size() +
                          static_cast<std::size_t>(top) * g.row;
    for (int j = 0; j < g.out_width; ++j) {
      const float* window = source + static_cast<std::size_t>(j) * args.pool * g.channels;
      const std::size_t out = (static_cast<std::size_t>(r) * g.out_width + j) * g.channels;
      for (int c = 0; c < g.channels; c += kBlock) {
        pool_block<kPool, kKeep>({window + c, args.bias + c, args.out + out + c,
                                  kKeep ? args.winner + out + c : nullptr},
                                 args.pool, g.row, g.channels, std::min(kBlock, g.channels - c));
      }
    }
  }
}

template <int kPool>
void spread_window(const BiasReluPoolBackward& args, const Geometry& g, std::size_t out_offset,
                   float* window) {
  const int pool = kPool > 0 ? kPool : args.pool;
  const float* dout = args.dout + out_offset;
  const std::uint8_t* winner = args.winner + out_offset;
  for (int i = 0; i < pool; ++i) {
    for (int j = 0; j < pool; ++j) {
      float* to =
          window + static_cast<std::size_t>(i) * g.row + static_cast<std::size_t>(j) * g.channels;
      const int index = i * pool + j;
#pragma omp simd
      for (int c = 0; c < g.channels; ++c) to[c] = winner[c] == index ? dout[c] : 0.0F;
    }
  }
}

void sum_bias(const BiasReluPoolBackward& args, const Geometry& g, std::size_t out_offset,
              float* sum) {
  const float* dout = args.dout + out_offset;
  const std::uint8_t* winner = args.winner + out_offset;
#pragma omp simd
  for (int c = 0; c < g.channels; ++c) sum[c] += winner[c] != kNoWinner ? dout[c] : 0.0F;
}

template <int kPool>
void backward_image(const BiasReluPoolBackward& args, const Geometry& g, int image,
                    float* bias_sum) {
  float* dconv = args.dconv + static_cast<std::size_t>(image) * args.conv_shape.size();
  const std::size_t used = static_cast<std::size_t>(g.out_width) * args.pool * g.channels;
  for (int r = 0; r < g.out_height; ++r) {
    float* row = dconv + static_cast<std::size_t>(r) * args.pool * g.row;
    for (int j = 0; j < g.out_width; ++j) {
      const std::size_t offset =
          ((static_cast<std::size_t>(image) * g.out_height + r) * g.out_width + j) * g.channels;
      spread_window<kPool>(args, g, offset,
                           row + static_cast<std::size_t>(j) * args.pool * g.channels);
      if (bias_sum != nullptr) sum_bias(args, g, offset, bias_sum);
    }
    for (int i = 0; i < args.pool && used < g.row; ++i) {
      std::fill(row + i * g.row + used, row + (i + 1) * g.row, 0.0F);
    }
  }
  const std::size_t covered = static_cast<std::size_t>(g.out_height) * args.pool * g.row;
  std::fill(dconv + covered, dconv + args.conv_shape.size(), 0.0F);
}

}  // namespace

void CpuBackend::bias_relu_pool_forward(const BiasReluPoolForward& args) {
  check(args.n, args.conv_shape, args.pool);
  const bool keep = args.winner != nullptr;
  switch (args.pool) {
    case 1:
      return keep ? forward<1, true>(args, threads_) : forward<1, false>(args, threads_);
    case 2:
      return keep ? forward<2, true>(args, threads_) : forward<2, false>(args, threads_);
    default:
      return keep ? forward<0, true>(args, threads_) : forward<0, false>(args, threads_);
  }
}

void CpuBackend::bias_relu_pool_backward(const BiasReluPoolBackward& args) {
  check(args.n, args.conv_shape, args.pool);
  const Geometry g(args.conv_shape, args.pool);
  const auto channels = static_cast<std::size_t>(g.channels);
  // One row of partial sums per image, added up in order: the same bits for any number of threads.
  if (args.dbias != nullptr) {
    bias_partials_.assign(channels * static_cast<std::size_t>(args.n), 0.0F);
  }
  const auto image = args.pool == 1   ? backward_image<1>
                     : args.pool == 2 ? backward_image<2>
                                      : backward_image<0>;
#pragma omp parallel for schedule(static) num_threads(threads_)
  for (int i = 0; i < args.n; ++i) {
    image(args, g, i,
          args.dbias != nullptr ? bias_partials_.data() + static_cast<std::size_t>(i) * channels
                                : nullptr);
  }
  if (args.dbias == nullptr) return;
  if (args.mode == GradMode::overwrite) std::fill(args.dbias, args.dbias + channels, 0.0F);
  for (int i = 0; i < args.n; ++i) {
    const float* row = bias_partials_.data() + static_cast<std::size_t>(i) * channels;
    for (std::size_t c = 0; c < channels; ++c) args.dbias[c] += row[c];
  }
}

}  // namespace dropmuon::cpu
