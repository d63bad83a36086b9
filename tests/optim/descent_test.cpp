// SPDX-License-Identifier: MIT
// The descent lemma behind Drop-Muon's step sizes, on quadratics with known smoothness constants.
#include <cmath>

#include "catch.h"
#include "model.h"

using namespace dropmuon;

namespace {

// f(X) = 1/2 || sum_i A_i X_i B_i - Y ||_F^2
struct Quadratic {
  std::vector<MatrixD> a;
  std::vector<MatrixD> b;
  std::vector<MatrixD> x;
  MatrixD y;

  MatrixD residual() const {
    MatrixD r = -y;
    for (std::size_t i = 0; i < x.size(); ++i) r += a[i] * x[i] * b[i];
    return r;
  }
  double value() const { return 0.5 * residual().squaredNorm(); }
  MatrixD gradient(std::size_t i) const { return a[i].transpose() * residual() * b[i].transpose(); }
  // a_i = ||A_i||_2 ||B_i||_F: the smoothness constants are L_{i,S} = a_i * sum of a_j over S.
  double size(std::size_t i) const { return svd_of(a[i]).sigma(0) * b[i].norm(); }
};

Quadratic quadratic(int blocks, std::uint64_t seed) {
  Quadratic f;
  for (int i = 0; i < blocks; ++i) {
    const std::uint64_t s = seed + 10 * static_cast<std::uint64_t>(i);
    f.a.push_back((0.5 + i) * gaussian(9, 5 + i, s));
    f.b.push_back(gaussian(7 - i, 8, s + 1));
    f.x.push_back(gaussian(5 + i, 7 - i, s + 2));
  }
  f.y = gaussian(9, 8, seed + 100);
  return f;
}

std::vector<std::size_t> members(unsigned bits) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < 3; ++i) {
    if ((bits >> i & 1U) != 0) out.push_back(i);
  }
  return out;
}

double smoothness(const Quadratic& f, std::size_t i, const std::vector<std::size_t>& set) {
  double sum = 0.0;
  for (const std::size_t j : set) sum += f.size(j);
  return f.size(i) * sum;
}

}  // namespace

TEST_CASE("oracle 23: an exact sharp step of 1/L lowers f by ||grad||_*^2 / (2 L)", "[descent]") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Quadratic f = quadratic(1, seed);
    const double l = f.size(0) * f.size(0);
    for (int step = 0; step < 5; ++step) {
      const double before = f.value();
      const MatrixD g = f.gradient(0);
      const double nuclear = svd_of(g).sigma.sum();
      f.x[0] -= nuclear / l * polar_factor(g);
      CHECK(before - f.value() >= nuclear * nuclear / (2.0 * l) - 1e-9);
    }
  }
}

TEST_CASE("oracle 23: the block version holds for every subset of three blocks", "[descent]") {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    for (unsigned bits = 1; bits < 8; ++bits) {
      Quadratic f = quadratic(3, seed);
      const std::vector<std::size_t> set = members(bits);
      const double before = f.value();
      double promised = 0.0;
      std::vector<MatrixD> steps;
      for (const std::size_t i : set) {
        const MatrixD g = f.gradient(i);
        const double nuclear = svd_of(g).sigma.sum();
        const double l = smoothness(f, i, set);
        steps.push_back(nuclear / l * polar_factor(g));
        promised += nuclear * nuclear / (2.0 * l);
      }
      for (std::size_t k = 0; k < set.size(); ++k) f.x[set[k]] -= steps[k];
      CAPTURE(seed, bits);
      CHECK(before - f.value() >= promised - 1e-9);
    }
  }
}

// The same promise from the optimizer itself: sharp steps with an almost exact polar factor. All
// blocks of a step share one learning rate, so it is 1 / max L; fp32 costs a thousandth.
TEST_CASE("oracle 23: Drop-Muon's sharp step keeps the promise on every subset", "[descent]") {
  OptimizerOptions options;
  options.momentum = 0.0;
  options.step = StepMode::sharp;
  options.scale = Scale::none;
  options.newton_schulz = {
      .steps = 8, .coefficients = CoefficientSet::polar_express, .safety = 1.01};
  for (unsigned bits = 1; bits < 8; ++bits) {
    Quadratic f = quadratic(3, 77);
    const std::vector<std::size_t> set = members(bits);
    double largest = 0.0;
    for (const std::size_t i : set) largest = std::max(largest, smoothness(f, i, set));
    Model model;
    double promised = 0.0;
    for (std::size_t i = 0; i < 3; ++i) {
      const MatrixD g = f.gradient(i);
      const int rows = static_cast<int>(g.rows());
      const int cols = static_cast<int>(g.cols());
      model.add(static_cast<int>(i), ParamKind::matrix, {rows, cols});
      for (Eigen::Index j = 0; j < g.size(); ++j) {
        model.value(i)[static_cast<std::size_t>(j)] = static_cast<float>(f.x[i].data()[j]);
        model.grad(i)[static_cast<std::size_t>(j)] = static_cast<float>(g.data()[j]);
      }
      f.x[i] = model.matrix(i).cast<double>();
    }
    const double before = f.value();
    std::vector<int> layers(set.begin(), set.end());
    for (const std::size_t i : set) {
      const double nuclear = svd_of(f.gradient(i)).sigma.sum();
      // A step shorter than 1 / L_i still lowers the bound: gamma - L_i gamma^2 / 2 per square.
      const double gamma = 1.0 / largest;
      promised += nuclear * nuclear * (gamma - smoothness(f, i, set) * gamma * gamma / 2.0);
    }
    const auto optimizer = model.optimizer(options);
    take_step(model, *optimizer, ActiveSet::of(layers, 3), 1.0 / largest);
    for (std::size_t i = 0; i < 3; ++i) f.x[i] = model.matrix(i).cast<double>();
    CAPTURE(bits);
    CHECK(before - f.value() >= 0.999 * promised);
  }
}
