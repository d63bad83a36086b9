// SPDX-License-Identifier: MIT
#include "reference.h"

#include <cmath>

namespace dropmuon::reference {
namespace {

// Calls body(output index, input index, filter index) for every multiplication of a convolution.
template <typename Body>
void for_each_product(const Conv2dShape& s, int n, Body body) {
  const int pad = s.kernel / 2;
  const int height = s.input.height;
  const int width = s.input.width;
  for (int i = 0; i < n; ++i)
    for (int r = 0; r < height; ++r)
      for (int c = 0; c < width; ++c)
        for (int o = 0; o < s.out_channels; ++o)
          for (int kr = 0; kr < s.kernel; ++kr)
            for (int kc = 0; kc < s.kernel; ++kc) {
              const int row = r + kr - pad;
              const int col = c + kc - pad;
              if (row < 0 || row >= height || col < 0 || col >= width) continue;
              for (int k = 0; k < s.input.channels; ++k) {
                body(((static_cast<std::size_t>(i) * height + r) * width + c) * s.out_channels + o,
                     ((static_cast<std::size_t>(i) * height + row) * width + col) *
                             s.input.channels +
                         k,
                     ((static_cast<std::size_t>(o) * s.kernel + kr) * s.kernel + kc) *
                             s.input.channels +
                         k);
              }
            }
}

std::size_t output_size(const Conv2dShape& s, int n) {
  return static_cast<std::size_t>(n) * s.input.height * s.input.width * s.out_channels;
}

}  // namespace

Values conv2d(const Conv2dShape& shape, int n, const Values& x, const Values& w) {
  Values y(output_size(shape, n));
  for_each_product(shape, n,
                   [&](std::size_t o, std::size_t i, std::size_t f) { y[o] += x[i] * w[f]; });
  return y;
}

Values conv2d_input_gradient(const Conv2dShape& shape, int n, const Values& dy, const Values& w) {
  Values dx(static_cast<std::size_t>(n) * shape.input.size());
  for_each_product(shape, n,
                   [&](std::size_t o, std::size_t i, std::size_t f) { dx[i] += dy[o] * w[f]; });
  return dx;
}

Values conv2d_filter_gradient(const Conv2dShape& shape, int n, const Values& x, const Values& dy) {
  Values dw(static_cast<std::size_t>(shape.out_channels) * shape.kernel * shape.kernel *
            shape.input.channels);
  for_each_product(shape, n,
                   [&](std::size_t o, std::size_t i, std::size_t f) { dw[f] += x[i] * dy[o]; });
  return dw;
}

Pooled bias_relu_pool(const ImageShape& conv, int pool, int n, const Values& x,
                      const Values& bias) {
  Pooled result;
  for (int i = 0; i < n; ++i)
    for (int r = 0; r < conv.height / pool; ++r)
      for (int c = 0; c < conv.width / pool; ++c)
        for (int k = 0; k < conv.channels; ++k) {
          double best = -INFINITY;
          int winner = 0;
          for (int p = 0; p < pool * pool; ++p) {
            const int row = r * pool + p / pool;
            const int col = c * pool + p % pool;
            const double value =
                x[((static_cast<std::size_t>(i) * conv.height + row) * conv.width + col) *
                      conv.channels +
                  k] +
                bias[static_cast<std::size_t>(k)];
            if (value > best) {
              best = value;
              winner = p;
            }
          }
          result.out.push_back(best > 0.0 ? best : 0.0);
          result.winner.push_back(static_cast<std::uint8_t>(best > 0.0 ? winner : kNoWinner));
        }
  return result;
}

PoolGradients bias_relu_pool_gradient(const ImageShape& conv, int pool, int n, const Values& dout,
                                      const std::vector<std::uint8_t>& winner) {
  PoolGradients g{Values(static_cast<std::size_t>(n) * conv.size()),
                  Values(static_cast<std::size_t>(conv.channels))};
  std::size_t o = 0;
  for (int i = 0; i < n; ++i)
    for (int r = 0; r < conv.height / pool; ++r)
      for (int c = 0; c < conv.width / pool; ++c)
        for (int k = 0; k < conv.channels; ++k, ++o) {
          if (winner[o] == kNoWinner) continue;
          const int row = r * pool + winner[o] / pool;
          const int col = c * pool + winner[o] % pool;
          g.dconv[((static_cast<std::size_t>(i) * conv.height + row) * conv.width + col) *
                      conv.channels +
                  k] = dout[o];
          g.dbias[static_cast<std::size_t>(k)] += dout[o];
        }
  return g;
}

Values average_pool(const ImageShape& image, int n, const Values& x) {
  const int pixels = image.height * image.width;
  Values out(static_cast<std::size_t>(n) * image.channels);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t sample = i / image.size();
    out[sample * image.channels + i % image.channels] += x[i] / pixels;
  }
  return out;
}

Values average_pool_gradient(const ImageShape& image, int n, const Values& dpooled) {
  const int pixels = image.height * image.width;
  Values dx(static_cast<std::size_t>(n) * image.size());
  for (std::size_t i = 0; i < dx.size(); ++i) {
    dx[i] = dpooled[i / image.size() * image.channels + i % image.channels] / pixels;
  }
  return dx;
}

Values matmul(int m, int n, int k, const Values& a, const Values& b) {
  Values c(static_cast<std::size_t>(m) * n);
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j)
      for (int l = 0; l < k; ++l) {
        c[static_cast<std::size_t>(i) * n + j] +=
            a[static_cast<std::size_t>(i) * k + l] * b[static_cast<std::size_t>(l) * n + j];
      }
  return c;
}

Values transpose(int rows, int cols, const Values& a) {
  Values t(a.size());
  for (int i = 0; i < rows; ++i)
    for (int j = 0; j < cols; ++j) {
      t[static_cast<std::size_t>(j) * rows + i] = a[static_cast<std::size_t>(i) * cols + j];
    }
  return t;
}

Loss softmax_cross_entropy(int n, int classes, const Values& logits,
                           const std::vector<std::uint8_t>& labels) {
  Loss loss;
  for (int i = 0; i < n; ++i) {
    const double* row = logits.data() + static_cast<std::size_t>(i) * classes;
    int best = 0;
    for (int k = 1; k < classes; ++k) best = row[k] > row[best] ? k : best;
    double sum = 0.0;
    for (int k = 0; k < classes; ++k) sum += std::exp(row[k] - row[best]);
    const int label = labels[static_cast<std::size_t>(i)];
    loss.sum += std::log(sum) + row[best] - row[label];
    loss.correct += best == label ? 1 : 0;
    for (int k = 0; k < classes; ++k) {
      loss.dlogits.push_back((std::exp(row[k] - row[best]) / sum - (k == label ? 1.0 : 0.0)) / n);
    }
  }
  return loss;
}

}  // namespace dropmuon::reference
