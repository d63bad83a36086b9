// SPDX-License-Identifier: MIT
// Matrix products whose result is known to be symmetric: half the work, and exact symmetry.
#pragma once

#include <dropmuon/ops/network_args.h>

namespace dropmuon::cpu {

// c (n, n) = alpha op(a) op(b) + beta addend, with op(a) n x k and op(b) k x n, all row-major. The
// product must be symmetric in exact arithmetic: x x^T, or two symmetric matrices that commute.
// The lower triangle is computed in panels of rows and mirrored, so c equals its transpose bit for
// bit. The panels depend on n alone: the number of threads does not change the result.
struct SymmetricProduct {
  int n = 0;
  int k = 0;
  const float* a = nullptr;
  int lda = 0;
  const float* b = nullptr;
  int ldb = 0;
  float* c = nullptr;  // not one of the inputs
  float alpha = 1.0F;
  float beta = 0.0F;
  const float* addend = nullptr;  // (n, n), symmetric; read only if beta is not 0
  Transpose transpose_a = Transpose::no;
  Transpose transpose_b = Transpose::no;
};

// threads = 1 starts no parallel region and may be called inside one.
void symmetric_product(const SymmetricProduct& args, int threads);

}  // namespace dropmuon::cpu
