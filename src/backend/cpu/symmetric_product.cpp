// SPDX-License-Identifier: MIT
#include "symmetric_product.h"

#include <algorithm>

#include "onednn/gemm.h"

namespace dropmuon::cpu {
namespace {

// The last panel is the longest. Four panels of 1, 2, 3 and 4 blocks share evenly among two
// threads, so small matrices get thinner panels.
int panel_height(int n) { return n <= 128 ? 32 : 64; }

// Rows begin..end-1 of the lower triangle, and their mirror image.
void compute_panel(const SymmetricProduct& p, int begin, int end) {
  const std::size_t n = static_cast<std::size_t>(p.n);
  float* c = p.c + static_cast<std::size_t>(begin) * n;
  if (p.beta != 0.0F) {
    for (int i = begin; i < end; ++i) {
      std::copy_n(p.addend + static_cast<std::size_t>(i) * n, end,
                  p.c + static_cast<std::size_t>(i) * n);
    }
  }
  const std::size_t row = static_cast<std::size_t>(begin);
  gemm({.m = end - begin,
        .n = end,
        .k = p.k,
        .a = p.a + (p.transpose_a == Transpose::yes ? row : row * static_cast<std::size_t>(p.lda)),
        .lda = p.lda,
        .b = p.b,
        .ldb = p.ldb,
        .c = c,
        .ldc = p.n,
        .alpha = p.alpha,
        .beta = p.beta,
        .transpose_a = p.transpose_a,
        .transpose_b = p.transpose_b});
  for (int j = 0; j < end; ++j) {
    float* upper = p.c + static_cast<std::size_t>(j) * n;
    for (int i = std::max(begin, j + 1); i < end; ++i) {
      upper[i] = p.c[static_cast<std::size_t>(i) * n + j];
    }
  }
}

}  // namespace

void symmetric_product(const SymmetricProduct& args, int threads) {
  const int height = panel_height(args.n);
  const int panels = (args.n + height - 1) / height;
  const auto panel = [&](int from_last) {
    const int begin = (panels - 1 - from_last) * height;
    compute_panel(args, begin, std::min(args.n, begin + height));
  };
  if (threads == 1) {
    for (int i = 0; i < panels; ++i) panel(i);
    return;
  }
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
  for (int i = 0; i < panels; ++i) panel(i);
}

}  // namespace dropmuon::cpu
