// SPDX-License-Identifier: MIT
// The arithmetic of the cuDNN stand-in: float operands, double sums, any packed layout.
#include <algorithm>

#include "simt/standin_cudnn.h"

namespace simt {
namespace {

struct Sizes {
  std::size_t n, c, h, w, k, r, s, p, q;
};
Sizes sizes_of(const Convolution& c) {
  const auto size = [](int v) { return std::size_t(v); };
  return {size(c.x.size[0]), size(c.x.size[1]), size(c.x.size[2]),
          size(c.x.size[3]), size(c.w.size[0]), size(c.w.size[2]),
          size(c.w.size[3]), size(c.y.size[2]), size(c.y.size[3])};
}

// Calls visit(memory index, channels-last index) for every element of a tensor.
template <typename Visit>
void for_each(const cudnnTensorStruct& t, Visit visit) {
  const auto size = [&](int i) { return std::size_t(t.size[i]); };
  std::size_t packed = 0;
  for (std::size_t n = 0; n < size(0); ++n) {
    for (std::size_t h = 0; h < size(2); ++h) {
      for (std::size_t w = 0; w < size(3); ++w) {
        const std::size_t base = n * t.stride[0] + h * t.stride[2] + w * t.stride[3];
        for (std::size_t c = 0; c < size(1); ++c) visit(base + c * t.stride[1], packed++);
      }
    }
  }
}

// The same for a filter; the packed order is [r][s][c][k], or [r][s][k][c] for the data pass.
template <typename Visit>
void for_each(const Convolution& conv, bool channels_inner, Visit visit) {
  const Sizes z = sizes_of(conv);
  const auto& stride = conv.w.stride;
  const bool flip = conv.how.mode == CUDNN_CONVOLUTION;
  for (std::size_t k = 0; k < z.k; ++k) {
    for (std::size_t c = 0; c < z.c; ++c) {
      for (std::size_t r = 0; r < z.r; ++r) {
        for (std::size_t s = 0; s < z.s; ++s) {
          const std::size_t tap = (flip ? z.r - 1 - r : r) * z.s + (flip ? z.s - 1 - s : s);
          const std::size_t packed =
              channels_inner ? (tap * z.k + k) * z.c + c : (tap * z.c + c) * z.k + k;
          visit(k * stride[0] + c * stride[1] + r * stride[2] + s * stride[3], packed);
        }
      }
    }
  }
}

std::vector<float> pack(const cudnnTensorStruct& t, const Convolution& c, const void* memory) {
  const auto source = read_operand(memory, c.type, element_count(t.size), c.rounding);
  std::vector<float> packed(source.size());
  for_each(t, [&](std::size_t from, std::size_t to) { packed[to] = source[from]; });
  return packed;
}
std::vector<float> pack_filter(const Convolution& c, const void* memory, bool channels_inner) {
  const auto source = read_operand(memory, c.type, element_count(c.w.size), c.rounding);
  std::vector<float> packed(source.size());
  for_each(c, channels_inner, [&](std::size_t from, std::size_t to) { packed[to] = source[from]; });
  return packed;
}

// Calls visit(x pixel, filter tap, y pixel) for every triple that meets inside the image.
template <typename Visit>
void for_each_tap(const Convolution& conv, Visit visit) {
  const Sizes z = sizes_of(conv);
  const auto& how = conv.how;
  const auto input = [&](int axis, std::size_t out, std::size_t tap) {
    return int(out) * how.stride[axis] - how.pad[axis] + int(tap) * how.dilation[axis];
  };
  for (std::size_t n = 0; n < z.n; ++n) {
    for (std::size_t p = 0; p < z.p; ++p) {
      for (std::size_t q = 0; q < z.q; ++q) {
        const std::size_t y = (n * z.p + p) * z.q + q;
        for (std::size_t r = 0; r < z.r; ++r) {
          const int row = input(0, p, r);
          if (row < 0 || row >= int(z.h)) continue;
          for (std::size_t s = 0; s < z.s; ++s) {
            const int column = input(1, q, s);
            if (column < 0 || column >= int(z.w)) continue;
            visit((n * z.h + std::size_t(row)) * z.w + std::size_t(column), r * z.s + s, y);
          }
        }
      }
    }
  }
}

// to[0..n) += factor * from[0..n)
template <typename From>
void add_scaled(double* __restrict__ to, const From* __restrict__ from, double factor,
                std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) to[i] += factor * double(from[i]);
}

std::vector<double> forward(const Convolution& conv, const void* x_memory, const void* w_memory) {
  const Sizes z = sizes_of(conv);
  const auto x = pack(conv.x, conv, x_memory);
  const auto w = pack_filter(conv, w_memory, false);
  std::vector<double> y(element_count(conv.y.size));
  for_each_tap(conv, [&](std::size_t from, std::size_t tap, std::size_t to) {
    for (std::size_t c = 0; c < z.c; ++c) {
      add_scaled(&y[to * z.k], &w[(tap * z.c + c) * z.k], x[from * z.c + c], z.k);
    }
  });
  return y;
}

std::vector<double> backward_data(const Convolution& conv, const void* w_memory,
                                  const void* dy_memory) {
  const Sizes z = sizes_of(conv);
  const auto w = pack_filter(conv, w_memory, true);
  const auto dy = pack(conv.y, conv, dy_memory);
  std::vector<double> dx(element_count(conv.x.size));
  for_each_tap(conv, [&](std::size_t to, std::size_t tap, std::size_t from) {
    for (std::size_t k = 0; k < z.k; ++k) {
      add_scaled(&dx[to * z.c], &w[(tap * z.k + k) * z.c], dy[from * z.k + k], z.c);
    }
  });
  return dx;
}

std::vector<double> backward_filter(const Convolution& conv, const void* x_memory,
                                    const void* dy_memory) {
  const Sizes z = sizes_of(conv);
  const auto x = pack(conv.x, conv, x_memory);
  const auto dy = pack(conv.y, conv, dy_memory);
  std::vector<double> dw(element_count(conv.w.size));
  for_each_tap(conv, [&](std::size_t image, std::size_t tap, std::size_t pixel) {
    for (std::size_t c = 0; c < z.c; ++c) {
      add_scaled(&dw[(tap * z.c + c) * z.k], &dy[pixel * z.k], x[image * z.c + c], z.k);
    }
  });
  return dw;
}

}  // namespace

void convolve(Pass pass, const Convolution& conv, bool deterministic, float alpha, const void* a,
              const void* b, float beta, void* out) {
  std::vector<double> result = pass == Pass::forward ? forward(conv, a, b)
                               : pass == Pass::data  ? backward_data(conv, a, b)
                                                     : backward_filter(conv, a, b);
  if (!deterministic) {  // another order of summation each time
    for (double& value : result) value *= 1.0 + 1e-7 * (int(random_source()() % 3) - 1);
  }
  const auto store = [&](std::size_t to, std::size_t from) {
    double value = double(alpha) * result[from];
    if (beta != 0.0f) value += double(beta) * read_element(out, conv.type, to);
    write_element(out, conv.type, to, value);
  };
  if (pass == Pass::filter) {
    for_each(conv, false, store);
  } else {
    for_each(pass == Pass::forward ? conv.y : conv.x, store);
  }
}

}  // namespace simt
