// SPDX-License-Identifier: MIT
// Newton-Schulz against singular value decompositions and the scalar polynomials.
#include <cmath>
#include <limits>
#include <numeric>

#include "catch.h"
#include "matrices.h"
#include "test_backend.h"
#include <dropmuon/core/error.h>
#include <dropmuon/optim/newton_schulz_coefficients.h>

using namespace dropmuon;

namespace {

NewtonSchulz jordan(int steps = 5) { return make_newton_schulz({.steps = steps}); }
NewtonSchulz you() { return make_newton_schulz({.coefficients = CoefficientSet::you}); }
NewtonSchulz polar_express(int steps, double safety) {
  return make_newton_schulz(
      {.steps = steps, .coefficients = CoefficientSet::polar_express, .safety = safety});
}

double largest_difference(const MatrixF& a, const MatrixF& b) {
  return (a - b).cwiseAbs().maxCoeff();
}

double cosine(const MatrixF& a, const MatrixD& b) {
  const MatrixD x = a.cast<double>();
  return (x.array() * b.array()).sum() / (x.norm() * b.norm());
}

}  // namespace

TEST_CASE("oracle 2: the singular values of a diagonal input become phi of them",
          "[newton_schulz]") {
  const auto backend = test_backend(2);
  MatrixD diagonal = MatrixD::Zero(7, 12);  // Frobenius norm 1
  const std::vector<double> values = {0.5, 0.1, 0.01, 0.001};
  double left = 1.0;
  for (int i = 0; i < 4; ++i) {
    diagonal(i, i) = values[static_cast<std::size_t>(i)];
    left -= diagonal(i, i) * diagonal(i, i);
  }
  diagonal(5, 5) = std::sqrt(left);
  MatrixD one = MatrixD::Zero(3, 5);
  one(1, 1) = 1.0;

  const MatrixF once = orthogonalize(*backend, diagonal, jordan(1));
  CHECK(std::abs(once(0, 0) - 1.188859) < 2e-5);
  CHECK(std::abs(once(1, 1) - 0.339695) < 2e-5);
  CHECK(std::abs(orthogonalize(*backend, one, jordan(1))(1, 1) - 0.7010) < 2e-5);

  const MatrixF five = orthogonalize(*backend, diagonal, jordan());
  CHECK(std::abs(orthogonalize(*backend, one, jordan())(1, 1) - 0.69644) < 2e-5);
  CHECK(std::abs(five(0, 0) - 0.76544) < 2e-5);
  CHECK(std::abs(five(1, 1) - 0.71212) < 2e-5);
  CHECK(std::abs(five(2, 2) - 0.69892) < 2e-5);
  CHECK(std::abs(five(3, 3) - 0.47054) < 2e-5);
  CHECK(five(4, 4) == 0.0F);

  CHECK(std::abs(orthogonalize(*backend, diagonal, you())(1, 1) - 1.01905) < 2e-5);
  const MatrixF express = orthogonalize(*backend, diagonal, polar_express(5, 1.05));
  CHECK(std::abs(express(1, 1) - 0.87872) < 2e-5);
  NewtonSchulz aol;  // steps of one's own work as well
  aol.steps = {{4.6051, -9.6552, 5.6769},
               {4.7505, -6.0861, 2.1790},
               {2.7763, -2.3190, 0.5523},
               {2.4231, -2.2861, 0.8193}};
  CHECK(std::abs(orthogonalize(*backend, diagonal, aol)(1, 1) - 1.03100) < 2e-5);
}

TEST_CASE("oracle 3: output singular values stay in the band of the polynomials (fp32)",
          "[newton_schulz][accuracy]") {
  const auto backend = test_backend(2);
  const auto spectrum = [](int n, double smallest, std::uint64_t seed) {
    Random random(seed, Purpose::synthetic_data, 1);
    std::vector<double> values;
    for (int i = 0; i < n; ++i) values.push_back(std::pow(smallest, random.uniform()));
    values[0] = 1.0;
    values[1] = smallest * std::sqrt(1.0 * n);  // >= smallest ||G||_F
    return values;
  };
  const auto check_band = [&](const NewtonSchulz& method, double smallest, double low,
                              double high) {
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      for (const int n : {5, 31, 48}) {
        std::vector<double> sigma = spectrum(n, smallest, seed);
        const double norm =
            std::sqrt(std::inner_product(sigma.begin(), sigma.end(), sigma.begin(), 0.0));
        for (double& s : sigma) s = std::max(s, smallest * norm);
        const MatrixD g = with_singular_values(sigma, n, 2 * n + 1, seed);
        const auto out = svd_of(orthogonalize(*backend, g, method).cast<double>());
        CAPTURE(n, seed, low, high);
        CHECK(out.sigma.minCoeff() >= low - 2e-5);
        CHECK(out.sigma.maxCoeff() <= high + 2e-5);
      }
    }
  };
  check_band(jordan(), 0.0101, 0.6818, 1.1344);
  check_band(you(), 0.0101, 0.977, 1.032);
  check_band(polar_express(5, 1.05), 0.00201, 0.846, 1.124);
  check_band(jordan(), 1e-4, 0.0, 1.2025);
}

TEST_CASE("oracle 4: the accuracy ladder on a Gaussian 128 x 576 matrix",
          "[newton_schulz][accuracy]") {
  const auto backend = test_backend(2);
  const MatrixD g = gaussian(128, 576, 4);
  const MatrixD exact = polar_factor(g);
  const auto error = [&](const NewtonSchulz& method, double cosine_at_least) {
    const MatrixF out = orthogonalize(*backend, g, method);
    CHECK(cosine(out, exact) >= cosine_at_least);
    return relative_difference(out, exact);
  };
  const double jordan_error = error(jordan(), 0.98);
  CHECK(jordan_error >= 0.18);
  CHECK(jordan_error <= 0.26);
  CHECK(error(you(), 0.999) < 0.03);
  CHECK(error(polar_express(5, 1.05), 0.995) < 0.10);
  CHECK(error(polar_express(6, 1.01), 0.9999) < 0.005);
  CHECK(error(polar_express(8, 1.01), 0.9999) < 1e-4);
}

TEST_CASE("oracle 5: <G, NS(G)> estimates the nuclear norm", "[newton_schulz][accuracy]") {
  const auto backend = test_backend(2);
  for (const auto& [rows, cols] : std::vector<std::pair<int, int>>{{64, 9}, {33, 70}, {48, 130}}) {
    const MatrixD g = gaussian(rows, cols, 5);
    const double nuclear = svd_of(g).sigma.sum();
    const auto ratio = [&](const NewtonSchulz& method) {
      const MatrixD out = orthogonalize(*backend, g, method).cast<double>();
      return (g.array() * out.array()).sum() / nuclear;
    };
    CAPTURE(rows, cols);
    CHECK(ratio(jordan()) >= 0.75);
    CHECK(ratio(jordan()) <= 1.15);
    CHECK(ratio(you()) >= 0.94);
    CHECK(ratio(you()) <= 1.06);
    CHECK(ratio(polar_express(5, 1.05)) >= 0.94);
    CHECK(ratio(polar_express(5, 1.05)) <= 1.06);
  }
}

TEST_CASE("oracle 6: orthonormal rows are multiplied by phi(1 / sqrt n)",
          "[newton_schulz][accuracy]") {
  const auto backend = test_backend(2);
  const auto check_factor = [&](const NewtonSchulz& method, int n, double factor) {
    const MatrixD g = orthonormal_columns(n + 40, n, 6).transpose();
    const MatrixF out = orthogonalize(*backend, g, method);
    CAPTURE(n, factor);
    CHECK(relative_difference(out, factor * g) < 2e-5);
  };
  check_factor(jordan(), 10, 1.13371);
  check_factor(jordan(), 64, 0.68814);
  check_factor(jordan(), 128, 0.72276);
  check_factor(jordan(), 256, 1.07052);
  check_factor(you(), 128, 0.99142);
}

TEST_CASE("oracle 7: the scale of the input does not matter, and zero gives zero",
          "[newton_schulz]") {
  const auto backend = test_backend(2);
  for (const auto& [rows, cols] : std::vector<std::pair<int, int>>{{64, 9}, {31, 7}, {48, 130}}) {
    const MatrixF g = gaussian(rows, cols, 7).cast<float>();
    const MatrixF base = orthogonalize(*backend, g, jordan());
    for (const float c : {1e-30F, 1e-12F, 1e-6F, 3.0F, 1e6F, 1e12F, 1e36F}) {
      CAPTURE(rows, cols, c);
      CHECK(largest_difference(orthogonalize(*backend, MatrixF(c * g), jordan()), base) < 1e-5);
    }
    MatrixF zero = orthogonalize(*backend, MatrixF(MatrixF::Zero(rows, cols)), jordan());
    CHECK((zero.array() == 0.0F).all());
    const MatrixF smallest =
        MatrixF::Constant(rows, cols, std::numeric_limits<float>::denorm_min());
    CHECK(orthogonalize(*backend, smallest, jordan()).allFinite());
  }
}

TEST_CASE("oracle 8: transposing, permuting and rotating commute with Newton-Schulz",
          "[newton_schulz][accuracy]") {
  const auto backend = test_backend(2);
  for (const auto& [rows, cols] : std::vector<std::pair<int, int>>{{64, 9}, {40, 97}, {128, 576}}) {
    const MatrixD g = gaussian(rows, cols, 8);
    const MatrixF base = orthogonalize(*backend, g, jordan());
    CAPTURE(rows, cols);
    const MatrixF transposed = orthogonalize(*backend, MatrixD(g.transpose()), jordan());
    CHECK(largest_difference(transposed.transpose(), base) < 1e-5);

    const MatrixD p = orthonormal_columns(rows, rows, 9);
    const MatrixD q = orthonormal_columns(cols, cols, 10);
    const MatrixF rotated = orthogonalize(*backend, MatrixD(p * g * q), jordan());
    const MatrixD expected = p * base.cast<double>() * q;
    CHECK(largest_difference(rotated, expected.cast<float>()) < 1e-5);

    // Reversed rows and columns, every third column negated.
    const auto flip = [](MatrixF m) {
      m = m.reverse().eval();
      for (int c = 0; c < m.cols(); c += 3) m.col(c) *= -1.0F;
      return m;
    };
    const MatrixF flipped = orthogonalize(*backend, flip(g.cast<float>()), jordan());
    CHECK(largest_difference(flipped, flip(base)) < 1e-6);
  }
}

TEST_CASE("oracle 9: normalisation keeps unscaled Polar Express from blowing up",
          "[newton_schulz][accuracy]") {
  const NewtonSchulz unscaled = polar_express(5, 1.0);
  const double wild = apply_scalar(unscaled, 1.05);
  CHECK((!std::isfinite(wild) || std::abs(wild) > 1e6));
  CHECK(std::abs(apply_scalar(jordan(), 1.05) - 0.682) < 1e-3);
  // Rank one is the input with the largest singular value that normalisation allows: exactly 1.
  // phi has a slope of 7e4 there, so one rounding of that 1 may move the result by 4e-3.
  const auto backend = test_backend(2);
  const MatrixD g = with_singular_values({1.05}, 20, 33, 11);
  const MatrixF out = orthogonalize(*backend, g, unscaled);
  CHECK(relative_difference(out, apply_scalar(unscaled, 1.0) / 1.05 * g) < 1e-2);
}

TEST_CASE("every shape agrees with the double-precision definition", "[newton_schulz]") {
  const auto backend = test_backend(2);
  for (const auto& [rows, cols] : std::vector<std::pair<int, int>>{{1, 1},
                                                                   {1, 7},
                                                                   {7, 1},
                                                                   {9, 64},
                                                                   {64, 9},
                                                                   {31, 33},
                                                                   {33, 31},
                                                                   {10, 2304},
                                                                   {64, 64},
                                                                   {130, 257},
                                                                   {257, 130},
                                                                   {256, 300}}) {
    const MatrixF g = gaussian(rows, cols, 12).cast<float>();
    for (const NewtonSchulzForm form :
         {NewtonSchulzForm::automatic, NewtonSchulzForm::standard, NewtonSchulzForm::gram}) {
      NewtonSchulz method = jordan();
      method.form = form;
      CAPTURE(rows, cols, static_cast<int>(form));
      CHECK(relative_difference(orthogonalize(*backend, g, method),
                                reference_orthogonalize(g.cast<double>(), method)) < 5e-5);
    }
  }
}

TEST_CASE("a group of matrices gives the bits of each alone, for any number of threads",
          "[newton_schulz]") {
  const auto backend = test_backend(2);
  const std::vector<std::pair<int, int>> shapes = {{64, 9},   {128, 300}, {10, 700}, {70, 40},
                                                   {20, 900}, {31, 900},  {900, 30}, {16, 1500},
                                                   {32, 800}, {25, 1000}};
  std::vector<MatrixF> in;
  std::vector<Buffer<float>> device;  // input, output, input, ..
  std::vector<DirectionItem> items;
  for (const auto& [rows, cols] : shapes) {
    in.push_back(gaussian(rows, cols, 13).cast<float>());
    const auto size = static_cast<std::size_t>(in.back().size());
    device.emplace_back(*backend, size).upload(in.back().data());
    device.emplace_back(*backend, size);
    items.push_back({rows, cols, device[device.size() - 2].data(), device.back().data()});
  }
  const auto out = [&](std::size_t i) {
    MatrixF values(in[i].rows(), in[i].cols());
    device[2 * i + 1].download(values.data());
    return values;
  };
  backend->prepare_orthogonalize(items, jordan());
  const int repeats = testing_cpu() ? 20 : 2;  // the CPU's threads meet by chance
  for (int i = 0; i < repeats; ++i) backend->orthogonalize(items, jordan());
  const auto single = test_backend(1);
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    CHECK(same(orthogonalize(*single, in[i], jordan()), out(i)));
  }
  backend->orthogonalize(std::span(items).subspan(1, 2), jordan());  // fewer than prepared for
  CHECK(same(orthogonalize(*single, in[2], jordan()), out(2)));
}

TEST_CASE("orthogonalize refuses shapes it was not prepared for", "[newton_schulz]") {
  const auto backend = test_backend(2);
  const Buffer<float> m(*backend, 40 * 50);
  const std::vector<DirectionItem> items = {{40, 50, m.data(), m.data()}};
  CHECK_THROWS_AS(backend->orthogonalize(items, jordan()), Error);
}

TEST_CASE("oracle 12: the order of filter taps and channels does not matter", "[newton_schulz]") {
  const auto backend = test_backend(2);
  const int out = 20;
  const int taps = 9;
  const int in = 5;
  const MatrixF ohwi = gaussian(out, taps * in, 14).cast<float>();  // columns (kh kw, in)
  const auto to_oihw = [&](const MatrixF& m) {
    MatrixF result(out, taps * in);
    for (int t = 0; t < taps; ++t) {
      for (int c = 0; c < in; ++c) result.col(c * taps + t) = m.col(t * in + c);
    }
    return result;
  };
  const MatrixF direct = orthogonalize(*backend, ohwi, jordan());
  const MatrixF permuted = orthogonalize(*backend, to_oihw(ohwi), jordan());
  CHECK(largest_difference(permuted, to_oihw(direct)) < 1e-6);
}
