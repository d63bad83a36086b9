// SPDX-License-Identifier: MIT
// Whole trajectories of each optimizer against the formulas, written out in double.
#include <cmath>

#include "catch.h"
#include "model.h"
#include <dropmuon/optim/optimizer.h>

using namespace dropmuon;

namespace {

constexpr int kSteps = 20;
constexpr double kLr = 0.05;

MatrixD widen(const float* data, const Param& param) {
  return Eigen::Map<const MatrixF>(data, param.rows(), param.cols()).cast<double>();
}

// A quadratic bowl: the gradient of ||X - target||^2 / 2 plus noise that changes every step.
void fill_gradients(Model& model, int step) {
  model.randomise_gradients(static_cast<std::uint64_t>(step));
  for (std::size_t i = 0; i < model.params().size(); ++i) {
    for (std::size_t j = 0; j < model.grad(i).size(); ++j) {
      model.grad(i)[j] = 0.3F * model.grad(i)[j] + model.value(i)[j];
    }
  }
}

struct SumMuon {
  double mu;
  double grad_weight;
  Nesterov nesterov;
  NewtonSchulz method = make_newton_schulz({});
  MatrixD momentum = {};

  // One radius or sharp step of the textbook formula in double.
  MatrixD step(const MatrixD& g, StepMode mode) {
    if (momentum.size() == 0) momentum = MatrixD::Zero(g.rows(), g.cols());
    momentum = mu * momentum + grad_weight * g;
    const MatrixD u =
        nesterov == Nesterov::yes ? MatrixD(mu * momentum + grad_weight * g) : momentum;
    const MatrixD d = reference_orthogonalize(u, method);
    return mode == StepMode::sharp ? MatrixD((u.array() * d.array()).sum() * d) : d;
  }
};

double relative(const MatrixD& a, const MatrixD& b) { return (a - b).norm() / b.norm(); }

}  // namespace

TEST_CASE("oracle 15: averaged and summed momentum give the same radius steps", "[trajectory]") {
  for (const Nesterov nesterov : {Nesterov::no, Nesterov::yes}) {
    Model model = Model::three_layers();
    OptimizerOptions options;
    options.nesterov = nesterov;
    options.scale = Scale::none;
    const auto optimizer = model.optimizer(options);
    SumMuon sum{.mu = 0.95, .grad_weight = 1.0, .nesterov = nesterov};
    MatrixD x = model.matrix(2).cast<double>();
    for (int step = 0; step < kSteps; ++step) {
      fill_gradients(model, step);
      x -= kLr * sum.step(widen(model.grad(2).data(), model.params()[2]), StepMode::radius);
      take_step(model, *optimizer, ActiveSet::all(3), kLr);
      CHECK(relative(model.matrix(2).cast<double>(), x) < 1e-5);
    }
  }
}

TEST_CASE("oracle 15: in sharp mode averaged and summed momentum differ by 1 / beta",
          "[trajectory]") {
  OptimizerOptions options;
  options.step = StepMode::sharp;
  options.scale = Scale::none;
  Model model = Model::three_layers();
  const auto optimizer = model.optimizer(options);
  SumMuon sum{.mu = 0.95, .grad_weight = 1.0, .nesterov = Nesterov::no};
  for (int step = 0; step < 3; ++step) {
    model.randomise_gradients(static_cast<std::uint64_t>(step));
    const MatrixD before = model.matrix(2).cast<double>();
    take_step(model, *optimizer, ActiveSet::all(3), kLr);
    const MatrixD moved = (before - model.matrix(2).cast<double>()) / kLr;
    const MatrixD summed =
        sum.step(widen(model.grad(2).data(), model.params()[2]), StepMode::sharp);
    CHECK(summed.norm() / moved.norm() == Approx(1.0 / 0.05).epsilon(1e-4));
  }
}

TEST_CASE("Muon follows its formula on filters, matrices and vectors", "[trajectory]") {
  for (const StepMode mode : {StepMode::radius, StepMode::sharp}) {
    for (const Nesterov nesterov : {Nesterov::no, Nesterov::yes}) {
      OptimizerOptions options;
      options.step = mode;
      options.nesterov = nesterov;
      options.weight_decay = 0.1;
      const double lr = mode == StepMode::sharp ? 0.001 : kLr;
      Model model = Model::three_layers();
      const auto optimizer = model.optimizer(options);
      std::vector<SumMuon> muon(6, {.mu = 0.95, .grad_weight = 0.05, .nesterov = nesterov});
      std::vector<MatrixD> x;
      for (std::size_t i = 0; i < 6; ++i) x.push_back(model.matrix(i).cast<double>());
      for (int step = 0; step < kSteps; ++step) {
        fill_gradients(model, step);
        const ActiveSet active = ActiveSet::suffix(step % 3, 3);
        for (std::size_t i = 0; i < 6; ++i) {
          const Param& param = model.params()[i];
          if (!active.contains(param.layer)) continue;
          // A vector's direction is u / ||u||: no polynomial steps.
          if (param.kind == ParamKind::vector) muon[i].method.steps.clear();
          const double scale =
              param.kind == ParamKind::vector
                  ? 1.0
                  : std::sqrt(std::max(1.0, static_cast<double>(param.rows()) / param.cols()));
          const MatrixD moved = muon[i].step(widen(model.grad(i).data(), param), mode);
          x[i] = (1.0 - lr * 0.1) * x[i] - lr * scale * moved;
        }
        take_step(model, *optimizer, active, lr);
      }
      for (std::size_t i = 0; i < 6; ++i) {
        CAPTURE(i, static_cast<int>(mode), static_cast<int>(nesterov));
        CHECK(relative(model.matrix(i).cast<double>(), x[i]) < 1e-5);
      }
    }
  }
}

TEST_CASE("SGD follows its formula, with and without Nesterov", "[trajectory]") {
  for (const Nesterov nesterov : {Nesterov::no, Nesterov::yes}) {
    Model model = Model::three_layers();
    const auto optimizer = model.optimizer(
        {.type = OptimizerType::sgd, .momentum = 0.9, .nesterov = nesterov, .weight_decay = 0.02});
    MatrixD x = model.matrix(0).cast<double>();
    MatrixD v = MatrixD::Zero(x.rows(), x.cols());
    for (int step = 0; step < kSteps; ++step) {
      fill_gradients(model, step);
      const MatrixD g = widen(model.grad(0).data(), model.params()[0]) + 0.02 * x;
      v = 0.9 * v + g;
      x -= kLr * (nesterov == Nesterov::yes ? MatrixD(g + 0.9 * v) : v);
      take_step(model, *optimizer, ActiveSet::all(3), kLr);
    }
    CHECK(relative(model.matrix(0).cast<double>(), x) < 1e-5);
  }
}

TEST_CASE("AdamW corrects its averages by each layer's own step count", "[trajectory]") {
  Model model = Model::three_layers();
  const auto optimizer =
      model.optimizer({.type = OptimizerType::adamw, .weight_decay = 0.05, .beta2 = 0.99});
  std::vector<MatrixD> x = {model.matrix(0).cast<double>(), model.matrix(4).cast<double>()};
  std::vector<MatrixD> m = {MatrixD::Zero(8, 18), MatrixD::Zero(33, 7)};
  std::vector<MatrixD> v = m;
  std::vector<int> t = {0, 0};
  for (int step = 0; step < kSteps; ++step) {
    fill_gradients(model, step);
    const ActiveSet active = ActiveSet::suffix(step % 4 == 0 ? 0 : 2, 3);
    for (const std::size_t p : {0U, 1U}) {
      if (p == 0 && !active.contains(0)) continue;
      ++t[p];
      const MatrixD g = widen(model.grad(4 * p).data(), model.params()[4 * p]);
      m[p] = 0.9 * m[p] + 0.1 * g;
      v[p] = 0.99 * v[p] + 0.01 * g.cwiseProduct(g);
      const MatrixD mean = m[p] / (1.0 - std::pow(0.9, t[p]));
      const MatrixD root = (v[p] / (1.0 - std::pow(0.99, t[p]))).cwiseSqrt();
      x[p] = (1.0 - 0.01 * 0.05) * x[p];
      x[p].array() -= 0.01 * mean.array() / (root.array() + 1e-8);
    }
    take_step(model, *optimizer, active, 0.01);
  }
  CHECK(relative(model.matrix(0).cast<double>(), x[0]) < 1e-5);
  CHECK(relative(model.matrix(4).cast<double>(), x[1]) < 1e-5);
}

TEST_CASE("the learning rate is read when the step runs, not when it was first built",
          "[trajectory]") {
  Model model = Model::three_layers();
  const auto optimizer = model.optimizer({.momentum = 0.0});
  const ActiveSet active = ActiveSet::all(3);
  const MatrixF start = model.matrix(2);
  take_step(model, *optimizer, active, 0.25);
  const MatrixF first = model.matrix(2);
  take_step(model, *optimizer, active, 0.5);
  const MatrixF second = model.matrix(2);
  CHECK(((second - first) - 2.0F * (first - start)).cwiseAbs().maxCoeff() < 1e-6F);
}
