// SPDX-License-Identifier: MIT
// Bias, ReLU and max-pool around a convolution, one pass over memory each way. The maximum is taken
// first: max(x_k) + bias equals max(x_k + bias), and one addition per window is enough.
#include <algorithm>

#include <dropmuon/core/error.h>

#include "cpu_backend.h"

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

// One output pixel: all channels of one window. kPool > 0 fixes the window at compile time.
template <int kPool, bool kKeep>
void pool_window(const BiasReluPoolForward& args, const Geometry& g, const float* window,
                 std::size_t out_offset) {
  const int pool = kPool > 0 ? kPool : args.pool;
  const float* bias = args.bias;
  float* out = args.out + out_offset;
  std::uint8_t* winner = kKeep ? args.winner + out_offset : nullptr;
#pragma omp simd
  for (int c = 0; c < g.channels; ++c) {
    float best = window[c];
    int index = 0;
    for (int i = 0; i < pool; ++i) {
      for (int j = 0; j < pool; ++j) {
        const float value = window[static_cast<std::size_t>(i) * g.row +
                                   static_cast<std::size_t>(j) * g.channels + c];
        index = value > best ? i * pool + j : index;
        best = value > best ? value : best;
      }
    }
    best += bias[c];
    out[c] = best <= 0.0F ? 0.0F : best;  // written so that NaN passes
    if constexpr (kKeep) winner[c] = static_cast<std::uint8_t>(best > 0.0F ? index : kNoWinner);
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
      pool_window<kPool, kKeep>(
          args, g, source + static_cast<std::size_t>(j) * args.pool * g.channels,
          (static_cast<std::size_t>(r) * g.out_width + j) * static_cast<std::size_t>(g.channels));
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
      float* to = window + static_cast<std::size_t>(i) * g.row +
                  static_cast<std::size_t>(j) * g.channels;
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
    case 1: return keep ? forward<1, true>(args, threads_) : forward<1, false>(args, threads_);
    case 2: return keep ? forward<2, true>(args, threads_) : forward<2, false>(args, threads_);
    default: return keep ? forward<0, true>(args, threads_) : forward<0, false>(args, threads_);
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
