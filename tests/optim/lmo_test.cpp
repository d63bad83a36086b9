// SPDX-License-Identifier: MIT
// Directions, sharp operators and shape factors.
#include <cmath>

#include "catch.h"
#include "model.h"
#include <dropmuon/optim/lmo.h>

using namespace dropmuon;

namespace {

// Momentum 0, no shape factor: one step moves by lr times the direction or the sharp operator.
OptimizerOptions plain(StepMode step, const LmoOptions& lmo = {}) {
  OptimizerOptions options;
  options.momentum = 0.0;
  options.step = step;
  options.scale = Scale::none;
  options.lmo = lmo;
  options.newton_schulz = {
      .steps = 8, .coefficients = CoefficientSet::polar_express, .safety = 1.01};
  return options;
}

double inner(const MatrixD& a, const MatrixD& b) { return (a.array() * b.array()).sum(); }

// What one step from zero weights with this gradient subtracts, divided by lr.
MatrixD moved_by(const OptimizerOptions& options, const MatrixF& gradient) {
  constexpr double kLr = 0.25;  // exact in fp32
  Model model;
  const int rows = static_cast<int>(gradient.rows());
  const int cols = static_cast<int>(gradient.cols());
  model.add(0, ParamKind::matrix, {rows, cols});
  std::fill(model.value(0).begin(), model.value(0).end(), 0.0F);
  std::copy_n(gradient.data(), gradient.size(), model.grad(0).begin());
  const auto optimizer = model.optimizer(options, 1);
  take_step(model, *optimizer, ActiveSet::all(1), kLr);
  return -model.matrix(0).cast<double>() / kLr;
}

Param with_shape(ParamKind kind, const Shape& shape) {
  Param param;
  param.kind = kind;
  param.shape = shape;
  return param;
}

}  // namespace

TEST_CASE("oracle 1: the sharp operator of the spectral norm", "[lmo]") {
  const MatrixD m = gaussian(32, 48, 1).cast<float>().cast<double>();
  const auto svd = svd_of(m);
  const double nuclear = svd.sigma.sum();
  const MatrixD sharp = nuclear * svd.u * svd.v.transpose();
  CHECK(std::abs(inner(m, sharp) - nuclear * nuclear) <= 1e-10 * nuclear * nuclear);
  CHECK(svd_of(sharp).sigma(0) == Approx(nuclear).epsilon(1e-10));

  // The optimizer, with eight Polar Express steps: an exact direction up to fp32.
  const MatrixD stepped = moved_by(plain(StepMode::sharp), m.cast<float>());
  CHECK((stepped - sharp).norm() <= 1e-4 * sharp.norm());
  CHECK(inner(m, stepped) == Approx(nuclear * nuclear).epsilon(1e-4));
  const MatrixD radius = moved_by(plain(StepMode::radius), m.cast<float>());
  CHECK((stepped - nuclear * radius).norm() <= 1e-5 * sharp.norm() + 1e-4 * nuclear);
  CHECK(svd_of(radius).sigma(0) == Approx(1.0).epsilon(1e-4));
}

TEST_CASE("oracle 1: in the Frobenius norm the sharp operator is the identity", "[lmo]") {
  const MatrixF m = gaussian(32, 48, 2).cast<float>();
  const MatrixD stepped = moved_by(plain(StepMode::sharp, {.matrix = Norm::euclidean}), m);
  CHECK((stepped - m.cast<double>()).cwiseAbs().maxCoeff() <= 2e-6);
}

TEST_CASE("the sharp step of every norm has the dual norm as its length", "[lmo]") {
  const MatrixF m = gaussian(31, 33, 3).cast<float>();
  const MatrixD a = m.cast<double>();
  const auto check = [&](Norm norm, const MatrixD& direction, double dual) {
    CAPTURE(static_cast<int>(norm));
    const LmoOptions lmo = {.matrix = norm};
    const MatrixD unit = moved_by(plain(StepMode::radius, lmo), m);
    CHECK((unit - direction).cwiseAbs().maxCoeff() < 1e-6);
    const MatrixD sharp = moved_by(plain(StepMode::sharp, lmo), m);
    CHECK((sharp - dual * direction).cwiseAbs().maxCoeff() < 1e-6 * dual);
    CHECK(inner(a, sharp) == Approx(dual * dual));
  };
  check(Norm::sign, a.cwiseSign(), a.cwiseAbs().sum());
  check(Norm::euclidean, a.normalized(), a.norm());
  check(Norm::column, a.colwise().normalized(), a.colwise().norm().sum());
  check(Norm::row, a.rowwise().normalized(), a.rowwise().norm().sum());
}

TEST_CASE("each kind of parameter has its own norm", "[lmo]") {
  const LmoOptions options = {.filter = Norm::row, .matrix = Norm::column, .vector = Norm::sign};
  CHECK(options.of(ParamKind::filter) == Norm::row);
  CHECK(options.of(ParamKind::matrix) == Norm::column);
  CHECK(options.of(ParamKind::vector) == Norm::sign);
}

TEST_CASE("oracle 12: the shape factor comes from the flattened filter", "[lmo]") {
  const Param wide = with_shape(ParamKind::filter, {128, 3, 3, 64});
  const Param tall = with_shape(ParamKind::filter, {64, 3, 3, 1});
  CHECK(shape_scale(Scale::sqrt_ratio, wide) == 1.0);
  CHECK(shape_scale(Scale::sqrt_ratio, tall) == Approx(2.6667).margin(5e-5));
  CHECK(shape_scale(Scale::match_rms, wide) == Approx(0.2 * std::sqrt(576.0)));
  CHECK(shape_scale(Scale::match_rms, tall) == Approx(0.2 * 8.0));
  CHECK(shape_scale(Scale::none, tall) == 1.0);
  for (const Scale scale : {Scale::none, Scale::sqrt_ratio, Scale::match_rms}) {
    CHECK(shape_scale(scale, with_shape(ParamKind::vector, {64})) == 1.0);
  }
}

TEST_CASE("oracle 13: match_rms gives the exact polar factor an element RMS of 0.2", "[lmo]") {
  for (const auto& [rows, cols] : std::vector<std::pair<int, int>>{{24, 50}, {50, 24}, {9, 9}}) {
    const Param param = with_shape(ParamKind::matrix, {rows, cols});
    const MatrixD update =
        shape_scale(Scale::match_rms, param) * polar_factor(gaussian(rows, cols, 4));
    CHECK(std::sqrt(update.squaredNorm() / (rows * cols)) == Approx(0.2).epsilon(1e-6));
  }
}
