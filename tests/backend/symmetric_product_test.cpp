// SPDX-License-Identifier: MIT
#include "backend/cpu/symmetric_product.h"

#include <cmath>

#include "catch.h"
#include "matrices.h"
#include <dropmuon/backend/factory.h>

using namespace dropmuon;

namespace {

MatrixF own_product(const MatrixF& x, float alpha, int threads) {
  const int n = static_cast<int>(x.rows());
  const int k = static_cast<int>(x.cols());
  MatrixF c = MatrixF::Constant(n, n, NAN);
  cpu::symmetric_product({.n = n,
                          .k = k,
                          .a = x.data(),
                          .lda = k,
                          .b = x.data(),
                          .ldb = k,
                          .c = c.data(),
                          .alpha = alpha,
                          .transpose_b = Transpose::yes},
                         threads);
  return c;
}

// A sum of k products in fp32, in whatever order, is off by at most k eps sum |x_i y_i|.
double bound(int k, double alpha) { return alpha * k * 6e-8; }

}  // namespace

TEST_CASE("oracle 11: x x^T equals its transpose bit for bit, and the full product",
          "[symmetric_product][cpu]") {
  for (const int n : {1, 9, 10, 27, 64, 127, 128, 257}) {
    for (const float alpha : {1.0F, 400.0F}) {
      const auto backend = make_backend({.device = "cpu", .threads = 2});
      const int k = 2 * n + 3;
      const MatrixF x = gaussian(n, k, 7).cast<float>();
      const MatrixF c = own_product(x, alpha, 2);
      CAPTURE(n, alpha);
      CHECK(same(c, c.transpose()));
      const MatrixD exact = alpha * x.cast<double>() * x.cast<double>().transpose();
      const MatrixD size = x.cast<double>().cwiseAbs() * x.cast<double>().cwiseAbs().transpose();
      CHECK(
          ((c.cast<double>() - exact).cwiseAbs().array() <= bound(k, alpha) * size.array()).all());
      const auto single = make_backend({.device = "cpu", .threads = 1});
      CHECK(same(c, own_product(x, alpha, 1)));  // the panels do not depend on the threads
    }
  }
}

TEST_CASE("oracle 11: products of polynomials of one symmetric matrix stay symmetric",
          "[symmetric_product][cpu]") {
  const auto backend = make_backend({.device = "cpu", .threads = 2});
  for (const int n : {1, 9, 10, 27, 33, 64, 127, 128, 257}) {
    const MatrixF x = (gaussian(n, n + 5, 3) / std::sqrt(2.0 * n)).cast<float>();
    const MatrixF r = own_product(x, 1.0F, 1);
    MatrixF c = MatrixF::Constant(n, n, NAN);
    cpu::symmetric_product({.n = n,
                            .k = n,
                            .a = r.data(),
                            .lda = n,
                            .b = r.data(),
                            .ldb = n,
                            .c = c.data(),
                            .alpha = 2.0F,
                            .beta = -3.0F,
                            .addend = r.data()},
                           2);
    CAPTURE(n);
    CHECK(same(c, c.transpose()));
    const MatrixD d = r.cast<double>();
    const MatrixD exact = 2.0 * d * d - 3.0 * d;
    const MatrixD size = 2.0 * d.cwiseAbs() * d.cwiseAbs() + 3.0 * d.cwiseAbs();
    CHECK(
        ((c.cast<double>() - exact).cwiseAbs().array() <= bound(n + 2, 1.0) * size.array()).all());
  }
}

TEST_CASE("x^T x of a tall matrix needs no transposed copy", "[symmetric_product][cpu]") {
  const int rows = 131;
  const int n = 37;
  const MatrixF x = gaussian(rows, n, 5).cast<float>();
  MatrixF c = MatrixF::Constant(n, n, NAN);
  cpu::symmetric_product({.n = n,
                          .k = rows,
                          .a = x.data(),
                          .lda = n,
                          .b = x.data(),
                          .ldb = n,
                          .c = c.data(),
                          .transpose_a = Transpose::yes},
                         1);
  const MatrixD exact = x.cast<double>().transpose() * x.cast<double>();
  CHECK(same(c, c.transpose()));
  CHECK(relative_difference(c, exact) < 1e-6);
}
