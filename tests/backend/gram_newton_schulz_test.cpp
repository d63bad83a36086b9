// SPDX-License-Identifier: MIT
// The Gram form squares the condition number; these spectra are where that shows.
#include <cmath>
#include <string>

#include "catch.h"
#include "matrices.h"
#include "test_backend.h"
#include <dropmuon/optim/newton_schulz_coefficients.h>

using namespace dropmuon;

namespace {

constexpr int kRows = 64;
constexpr int kCols = 288;

std::vector<double> linear() {
  std::vector<double> values;
  for (int i = 0; i < kRows; ++i) values.push_back(0.5 * i / (kRows - 1));
  return values;
}

std::vector<double> logarithmic(double smallest) {
  std::vector<double> values;
  for (int i = 0; i < kRows; ++i) {
    values.push_back(std::pow(smallest, static_cast<double>(i) / (kRows - 1)));
  }
  return values;
}

std::vector<double> low_rank(std::vector<double> values, int rank) {
  std::fill(values.begin() + rank, values.end(), 0.0);
  return values;
}

std::vector<double> with_tail() {
  std::vector<double> values = logarithmic(1e-3);
  for (double& value : values) value *= 1e-4;
  values[0] = values[1] = 1.0;
  return values;
}

std::vector<std::pair<std::string, std::vector<double>>> spectra() {
  return {{"linear 0 to 0.5", linear()},
          {"1e-3", logarithmic(1e-3)},
          {"1e-5", logarithmic(1e-5)},
          {"1e-7", logarithmic(1e-7)},
          {"1e-9", logarithmic(1e-9)},
          {"half zeros", low_rank(logarithmic(0.1), kRows / 2)},
          {"rank 10", low_rank(std::vector<double>(kRows, 1.0), 10)},
          {"rank 2", low_rank(std::vector<double>(kRows, 1.0), 2)},
          {"rank 2 and a tail 1e-4 to 1e-7", with_tail()}};
}

NewtonSchulz in_form(const NewtonSchulzOptions& options, NewtonSchulzForm form) {
  NewtonSchulz method = make_newton_schulz(options);
  method.form = form;
  return method;
}

// The Gram form in double, as an independent statement of the algorithm.
MatrixD reference_gram(const MatrixD& in, const NewtonSchulz& method) {
  MatrixD x = in / in.norm();
  const MatrixD identity = MatrixD::Identity(x.rows(), x.rows());
  MatrixD r = x * x.transpose();
  MatrixD q = identity;
  for (std::size_t i = 0; i < method.steps.size(); ++i) {
    if (std::ranges::find(method.restarts, static_cast<int>(i)) != method.restarts.end()) {
      x = q * x;
      r = x * x.transpose();
      q = identity;
    }
    const MatrixD h =
        method.steps[i].a * identity + method.steps[i].b * r + method.steps[i].c * r * r;
    q = q * h;
    r = h * r * h;
  }
  return q * x;
}

}  // namespace

TEST_CASE("oracle 10: the Gram form equals the standard form in double, with any restarts",
          "[newton_schulz]") {
  std::vector<double> sigma;
  for (int i = 0; i < 30; ++i) sigma.push_back(0.15 + 0.85 * i / 29.0);  // sigma_min >= .02 ||G||_F
  const MatrixD g = with_singular_values(sigma, 30, 75, 1);
  for (const CoefficientSet set :
       {CoefficientSet::jordan, CoefficientSet::you, CoefficientSet::polar_express}) {
    NewtonSchulz method = make_newton_schulz({.coefficients = set});
    const MatrixD standard = reference_orthogonalize(g, method);
    for (const std::vector<int>& restarts :
         std::vector<std::vector<int>>{{}, {1}, {2}, {4}, {1, 2}, {1, 2, 3, 4}}) {
      method.restarts = restarts;
      CHECK((reference_gram(g, method) - standard).cwiseAbs().maxCoeff() <= 1e-8);
      // The fp32 code, held to the same statement within its precision.
      method.form = NewtonSchulzForm::gram;
      const auto backend = test_backend(2);
      CHECK(relative_difference(orthogonalize(*backend, g, method), standard) < 2e-5);
    }
  }
}

// A rounding error of X X^T, about 1e-7 of its largest entry, grows by the squared slopes of the
// two or three steps to the next restart, at most (8.3 * 4.1)^2 = 1200: errors of 1e-4 are to be
// expected.
TEST_CASE("oracle 10: in fp32 the Gram form follows the standard form on hard spectra",
          "[newton_schulz][accuracy]") {
  const auto backend = test_backend(2);
  const std::vector<std::pair<NewtonSchulzOptions, double>> methods = {
      {{.steps = 5}, 3e-4},
      {{.steps = 5, .coefficients = CoefficientSet::you}, 3e-4},
      {{.steps = 5, .coefficients = CoefficientSet::polar_express}, 3e-4},
      {{.steps = 8, .coefficients = CoefficientSet::polar_express, .safety = 1.01}, 1e-3}};
  for (const auto& [options, tolerance] : methods) {
    const NewtonSchulz standard = in_form(options, NewtonSchulzForm::standard);
    const NewtonSchulz gram = in_form(options, NewtonSchulzForm::gram);
    for (const auto& [name, sigma] : spectra()) {
      const MatrixF g = with_singular_values(sigma, kRows, kCols, 3).cast<float>();
      const MatrixF a = orthogonalize(*backend, g, standard);
      const MatrixF b = orthogonalize(*backend, g, gram);
      CAPTURE(name, options.steps, static_cast<int>(options.coefficients));
      CHECK(relative_difference(b, a.cast<double>()) < tolerance);

      // Both have the same quality as an answer: symmetry and dual gap.
      const auto svd = svd_of(g.cast<double>());
      const double nuclear = svd.sigma.sum();
      const auto gap = [&](const MatrixF& o) {
        return (nuclear - (g.cast<double>().array() * o.cast<double>().array()).sum()) / nuclear;
      };
      CHECK(std::abs(gap(a) - gap(b)) < tolerance);
      const MatrixD hermitian =
          svd.v * svd.sigma.asDiagonal() * svd.u.transpose() * b.cast<double>();
      CHECK((hermitian - hermitian.transpose()).norm() < tolerance * hermitian.norm());
    }
  }
}

TEST_CASE("oracle 10: without restarts many Gram steps diverge, with them they do not",
          "[newton_schulz]") {
  const auto backend = test_backend(2);
  const NewtonSchulzOptions options = {
      .steps = 12, .coefficients = CoefficientSet::polar_express, .safety = 1.01};
  const NewtonSchulz standard = in_form(options, NewtonSchulzForm::standard);
  NewtonSchulz gram = in_form(options, NewtonSchulzForm::gram);
  const MatrixF g = with_singular_values(logarithmic(1e-7), kRows, kCols, 3).cast<float>();
  const MatrixD expected = orthogonalize(*backend, g, standard).cast<double>();
  CHECK(relative_difference(orthogonalize(*backend, g, gram), expected) < 3e-3);
  gram.restarts.clear();
  const MatrixF wild = orthogonalize(*backend, g, gram);
  CHECK((!wild.allFinite() || relative_difference(wild, expected) > 1e-2));
}
