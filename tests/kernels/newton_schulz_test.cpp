// SPDX-License-Identifier: MIT
// Whole orthogonalizations: shapes, grouping, launches, the large and the fused way.
#include <cmath>
#include <limits>

#include "kernels/newton_schulz/fused_iteration.h"
#include "newton_schulz_oracle.h"
#include <dropmuon/core/error.h>

using namespace dropmuon;
using namespace dropmuon::kernels;

namespace {

using Sizes = std::vector<std::pair<int, int>>;

constexpr std::array kForms = {NewtonSchulzForm::automatic, NewtonSchulzForm::standard,
                               NewtonSchulzForm::gram};
constexpr std::array kOperands = {Operand::fp32, Operand::fp16, Operand::bf16};

NewtonSchulz jordan(int steps = 5) { return make_newton_schulz({.steps = steps}); }

std::vector<MatrixF> inputs(const Sizes& sizes) {
  std::vector<MatrixF> result;
  for (const auto& [rows, cols] : sizes) {
    result.push_back(gaussian(rows, cols, static_cast<std::uint64_t>(rows + cols)).cast<float>());
  }
  return result;
}

// Has a small side, yet is too long for a fused launch: beside it everything is staged.
MatrixF too_long_to_fuse() { return gaussian(2, 6000, 1).cast<float>(); }

// For Gaussian matrices of several hundred rows: about three times the measured errors in halves.
double two_steps_tolerance(Operand operand) {
  return operand == Operand::fp32 ? 1e-5 : operand == Operand::fp16 ? 1e-3 : 0.01;
}

double largest_difference(const MatrixF& a, const MatrixF& b) {
  return (a - b).cwiseAbs().maxCoeff();
}

}  // namespace

TEST_CASE("orthogonalizer: mixed shapes in one call agree with double precision",
          "[newton_schulz]") {
  const Sizes sizes = {{64, 9}, {128, 300}, {10, 2304}, {576, 10}, {1, 1},    {1, 70},
                       {70, 1}, {31, 33},   {33, 31},   {64, 64},  {130, 67}, {17, 300}};
  const std::vector<MatrixF> in = inputs(sizes);
  for (const NewtonSchulzForm form : kForms) {
    const NewtonSchulz method = in_form(jordan(), form);
    const std::vector<MatrixF> out = OrthogonalizerRun(in).run(method, Operand::fp32);
    for (std::size_t i = 0; i < in.size(); ++i) {
      CAPTURE(sizes[i].first, sizes[i].second, static_cast<int>(form));
      const MatrixD expected = reference_orthogonalize(in[i].cast<double>(), method);
      CHECK(relative_difference(out[i], expected) < 5e-5);
    }
  }
}

TEST_CASE("orthogonalizer: fused and staged runs give the same bits, alone and in company",
          "[newton_schulz]") {
  const Sizes sizes = {{64, 9},  {33, 70}, {64, 144}, {10, 576},
                       {16, 16}, {90, 32}, {5, 1},    {17, 64}};
  const std::vector<MatrixF> in = inputs(sizes);
  std::vector<MatrixF> with_long = in;
  with_long.push_back(too_long_to_fuse());
  const SplitScratch scratch;
  for (const Operand operand : kOperands) {
    for (const NewtonSchulzForm form : {NewtonSchulzForm::standard, NewtonSchulzForm::gram}) {
      const NewtonSchulz method = in_form(jordan(3), form);
      OrthogonalizerRun fused(in);
      OrthogonalizerRun staged(with_long);
      CHECK(fused.orthogonalizer.plan(fused.items, method, scratch.get()).fused == 1);
      CHECK(staged.orthogonalizer.plan(staged.items, method, scratch.get()).fused == 0);
      const std::vector<MatrixF> a = fused.run(method, operand);
      const std::vector<MatrixF> b = staged.run(method, operand);
      for (std::size_t i = 0; i < in.size(); ++i) {
        CAPTURE(sizes[i].first, sizes[i].second, static_cast<int>(operand), static_cast<int>(form));
        CHECK(a[i].allFinite());
        CHECK(same(a[i], b[i]));
      }
      CHECK(same(a[1], orthogonalize_on_device(in[1], method, operand)));
    }
  }
}

TEST_CASE("orthogonalizer: every restart set, and every number of steps from one to the limit",
          "[newton_schulz]") {
  for (const MatrixF& in : {MatrixF(gaussian(20, 50, 1).cast<float>()), too_long_to_fuse()}) {
    for (const std::vector<int>& restarts :
         std::vector<std::vector<int>>{{}, {0}, {1}, {2}, {4}, {1, 2}, {1, 2, 3, 4}, {2, 7, -1}}) {
      NewtonSchulz method = in_form(jordan(), NewtonSchulzForm::gram);
      method.restarts = restarts;
      const MatrixD expected = reference_orthogonalize(in.cast<double>(), method);
      CHECK(relative_difference(orthogonalize_on_device(in, method, Operand::fp32), expected) <
            5e-5);
    }
    for (const int steps : {1, 2, 3, 32}) {
      for (const NewtonSchulzForm form : {NewtonSchulzForm::standard, NewtonSchulzForm::gram}) {
        NewtonSchulz method = in_form(jordan(), form);
        method.steps.assign(static_cast<std::size_t>(steps), {1.5, -0.5, 0.0});  // converges
        method.restarts = {2, 9, 17, 25};
        const MatrixD expected = reference_orthogonalize(in.cast<double>(), method);
        CAPTURE(steps, static_cast<int>(form), in.cols());
        CHECK(relative_difference(orthogonalize_on_device(in, method, Operand::fp32), expected) <
              1e-3);
      }
    }
  }
}

TEST_CASE("oracle 7 on the device: the scale does not matter, zero gives exactly zero",
          "[newton_schulz]") {
  for (const Operand operand : kOperands) {
    for (const auto& [rows, cols] : Sizes{{64, 9}, {31, 7}, {48, 300}}) {
      const MatrixF g = gaussian(rows, cols, 7).cast<float>();
      const MatrixF base = orthogonalize_on_device(g, jordan(), operand);
      // A last-bit difference of the scale may become one of a half-precision rounding, which the
      // slope of the polynomials enlarges.
      const double tolerance = operand == Operand::fp32   ? 1e-5
                               : operand == Operand::fp16 ? 2e-3
                                                          : 0.02;
      for (const float c : {1e-30F, 1e-12F, 3.0F, 1e12F, 1e36F}) {
        CAPTURE(rows, cols, c, static_cast<int>(operand));
        CHECK(largest_difference(orthogonalize_on_device(c * g, jordan(), operand), base) <
              tolerance);
      }
      // A power of two changes no digit.
      CHECK(same(orthogonalize_on_device(std::ldexp(1.0F, -60) * g, jordan(), operand), base));
      const MatrixF zero = orthogonalize_on_device(MatrixF::Zero(rows, cols), jordan(), operand);
      CHECK((zero.array() == 0.0F).all());
      const float denormal = std::numeric_limits<float>::denorm_min();
      CHECK(orthogonalize_on_device(MatrixF::Constant(rows, cols, denormal), jordan(), operand)
                .allFinite());
    }
  }
}

TEST_CASE("orthogonalizer: the number of launches does not grow with the number of matrices",
          "[newton_schulz]") {
  const SplitScratch scratch;
  const cuda::Orthogonalizer orthogonalizer;
  const auto plan = [&](const Sizes& sizes, const NewtonSchulz& method) {
    std::vector<DirectionItem> items;
    for (const auto& [rows, cols] : sizes) items.push_back({rows, cols, nullptr, nullptr});
    return orthogonalizer.plan(items, method, scratch.get());
  };
  const NewtonSchulz standard = in_form(jordan(), NewtonSchulzForm::standard);
  const NewtonSchulz gram = in_form(jordan(), NewtonSchulzForm::gram);
  // Small nets: one launch.
  CHECK(plan({{32, 9}, {64, 144}, {10, 128}}, jordan()).total() == 1);
  // Standard: norms, and three a step. Gram: X X^T, Z T R, Z Q, X, X X^T, Z T R, Z QT R, Z Q, X.
  for (const Sizes& sizes :
       {Sizes{{128, 576}}, Sizes{{32, 9}, {64, 288}, {128, 576}, {10, 2304}}}) {
    CHECK(plan(sizes, standard).total() == 1 + 3 * 5);
    CHECK(plan(sizes, gram).norms == 1);
    CHECK(plan(sizes, gram).products == 1 + 3 + 2 + 1 + 1 + 3 + 3 + 2 + 1);
  }
  CHECK(plan(Sizes(31, {128, 576}), standard).total() == 1 + 3 * 5 * 2);
  CHECK(plan({}, jordan()).total() == 0);
  CHECK(plan({{600, 700}}, standard).norms == 1);
  CHECK(plan({{600, 700}}, standard).large == 1 + 5 * (1 + 2 + 2));
}

TEST_CASE("orthogonalizer: any subset of the prepared matrices fits the workspace",
          "[newton_schulz]") {
  const std::vector<MatrixF> in = inputs({{64, 9}, {40, 300}, {10, 700}, {70, 40}});
  OrthogonalizerRun all(in);
  const std::size_t bytes = all.orthogonalizer.workspace_bytes(all.items, jordan());
  for (unsigned set = 0; set < 16; ++set) {
    std::vector<DirectionItem> some;
    for (unsigned i = 0; i < 4; ++i) {
      if ((set >> i & 1U) != 0) some.push_back(all.items[i]);
    }
    CHECK(all.orthogonalizer.workspace_bytes(some, jordan()) <= bytes);
  }
}

TEST_CASE("orthogonalizer: what cannot work is refused before anything is launched",
          "[newton_schulz]") {
  OrthogonalizerRun run(inputs({{40, 300}}));
  const SplitScratch scratch;
  cuda::Orthogonalizer& device = run.orthogonalizer;
  const std::size_t bytes = device.workspace_bytes(run.items, jordan());
  const DeviceArray<float> workspace(bytes / sizeof(float));
  const auto attempt = [&](const std::vector<DirectionItem>& items, const NewtonSchulz& method,
                           std::size_t size, const Scratch& room) {
    device.run(items, method, Operand::fp32, workspace.get(), size, room, nullptr, test_stream());
  };
  CHECK_THROWS_AS(attempt(run.items, jordan(), bytes - 4, scratch.get()), Error);
  CHECK_THROWS_AS(attempt(run.items, {}, bytes, scratch.get()), Error);
  NewtonSchulz endless = jordan();
  endless.steps.resize(33);
  CHECK_THROWS_AS(attempt(run.items, endless, bytes, scratch.get()), Error);
  CHECK_THROWS_AS(attempt(run.items, jordan(), bytes, Scratch{}), Error);
  CHECK_THROWS_AS(device.plan(run.items, jordan(), Scratch{}), Error);
  for (const auto& [rows, cols] : Sizes{{0, 300}, {40, 0}, {-1, 3}}) {
    const DirectionItem bad = {rows, cols, run.items[0].in, run.items[0].out};
    CHECK_THROWS_AS(attempt({bad}, jordan(), bytes, scratch.get()), Error);
  }
  const DirectionItem in_place = {40, 300, run.items[0].out, run.items[0].out};
  CHECK_THROWS_AS(attempt({in_place}, jordan(), bytes, scratch.get()), Error);
  attempt({}, jordan(), 0, scratch.get());

  const FusedItem wide = {run.items[0].in, run.items[0].out, nullptr, 65, 100, false};
  const FusedItem empty = {run.items[0].in, run.items[0].out, nullptr, 3, 0, false};
  Polynomials one{};
  one.steps = 1;
  CHECK(fused_iteration(&wide, 1, one, Operand::fp32, test_stream()) == cudaErrorInvalidValue);
  CHECK(fused_iteration(&empty, 1, one, Operand::fp32, test_stream()) == cudaErrorInvalidValue);
  CHECK(fused_iteration(&empty, -1, one, Operand::fp32, test_stream()) == cudaErrorInvalidValue);
  CHECK(fused_iteration(&empty, 0, Polynomials{}, Operand::fp32, test_stream()) ==
        cudaErrorInvalidValue);
}

TEST_CASE("orthogonalizer: sides from 257 up, where tiles are 64 wide, agree with double precision",
          "[newton_schulz]") {
  const std::vector<MatrixF> in = inputs({{300, 340}, {260, 257}});
  for (const NewtonSchulzForm form : {NewtonSchulzForm::standard, NewtonSchulzForm::gram}) {
    NewtonSchulz method = in_form(jordan(2), form);
    method.restarts = {1};
    for (const Operand operand : kOperands) {
      const std::vector<MatrixF> out = OrthogonalizerRun(in).run(method, operand);
      for (std::size_t i = 0; i < in.size(); ++i) {
        CAPTURE(i, static_cast<int>(operand), static_cast<int>(form));
        const MatrixD expected = reference_orthogonalize(in[i].cast<double>(), method);
        CHECK(relative_difference(out[i], expected) < two_steps_tolerance(operand));
      }
    }
  }
}

TEST_CASE("orthogonalizer: matrices too large for our kernels go through cuBLAS",
          "[newton_schulz]") {
  cublasHandle_t blas = nullptr;
  REQUIRE(cublasCreate(&blas) == CUBLAS_STATUS_SUCCESS);
  REQUIRE(cublasSetStream(blas, test_stream()) == CUBLAS_STATUS_SUCCESS);
  const std::vector<MatrixF> in = inputs({{513, 530}, {600, 520}, {20, 30}});
  for (const NewtonSchulzForm form : {NewtonSchulzForm::standard, NewtonSchulzForm::gram}) {
    NewtonSchulz method = in_form(jordan(2), form);
    method.restarts = {1};
    for (const Operand operand : kOperands) {
      const std::vector<MatrixF> out = OrthogonalizerRun(in).run(method, operand, blas);
      for (std::size_t i = 0; i < in.size(); ++i) {
        CAPTURE(i, static_cast<int>(operand), static_cast<int>(form));
        const MatrixD expected = reference_orthogonalize(in[i].cast<double>(), method);
        CHECK(relative_difference(out[i], expected) < two_steps_tolerance(operand));
      }
    }
  }
  CHECK(cublasDestroy(blas) == CUBLAS_STATUS_SUCCESS);
}
