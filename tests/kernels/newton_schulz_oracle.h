// SPDX-License-Identifier: MIT
// What the Newton-Schulz tests share: products in double precision, and runs of the orthogonalizer.
#pragma once

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "backend/cuda/newton_schulz.h"
#include "device_array.h"
#include "kernels/newton_schulz/product.h"
#include "matrices.h"
#include <dropmuon/optim/newton_schulz_coefficients.h>

namespace dropmuon::kernels {

// Scratch with as many counters as wanted; the counters must come back as zeros.
class SplitScratch {
 public:
  explicit SplitScratch(std::size_t floats = std::size_t{1} << 20, int counters = 512)
      : floats_(floats), counters_(std::vector<unsigned>(static_cast<std::size_t>(counters), 0)) {}
  Scratch get() const {
    return {floats_.get(), floats_.size(), counters_.get(), static_cast<int>(counters_.size())};
  }
  bool clean() const {
    floats_.host();  // its guard cells
    return std::ranges::all_of(counters_.host(), [](unsigned c) { return c == 0; });
  }

 private:
  DeviceArray<float> floats_;
  DeviceArray<unsigned> counters_;
};

inline float rounded(float value, Operand operand) {
  if (operand == Operand::fp16) return __half2float(__float2half_rn(value));
  if (operand == Operand::bf16) return __bfloat162float(__float2bfloat16_rn(value));
  return value;
}

// A product with its memory: factors of random numbers in chosen views.
class ProductCase {
 public:
  struct Shape {
    int rows, cols, depth;
    bool along_depth_a, along_depth_b;  // the stride of depth is 1
    bool symmetric;                     // b is a, rows is cols
  };

  ProductCase(const Shape& shape, unsigned seed, float alpha = 1.0F, float beta = 0.0F,
              bool shifted = false, float scale = 1.0F)
      : a_(random(shape.rows, shape.depth, seed)),
        b_(shape.symmetric ? a_ : random(shape.depth, shape.cols, seed + 1)),
        d_(random(shape.rows, shape.cols, seed + 2)),
        c_(size(d_)),
        shifted_(size(d_)),
        scale_(std::vector<float>{scale}) {
    if (shape.symmetric) {
      b_ = a_.transpose().eval();
      d_ = (0.5F * (d_ + d_.transpose())).eval();
    }
    const MatrixF a = shape.along_depth_a ? a_ : MatrixF(a_.transpose());
    const MatrixF b = shape.along_depth_b ? MatrixF(b_.transpose()) : b_;
    memory_a_.emplace_back(values(a));
    memory_b_.emplace_back(values(b));
    memory_d_.emplace_back(values(d_));
    const int depth = shape.depth;
    product = {
        .a = {memory_a_[0].get(), shape.along_depth_a ? depth : 1,
              shape.along_depth_a ? 1 : shape.rows, scale != 1.0F},
        .b = {memory_b_[0].get(), shape.along_depth_b ? depth : 1,
              shape.along_depth_b ? 1 : shape.cols, scale != 1.0F},
        .d = beta == 0.0F ? nullptr : memory_d_[0].get(),
        .c = c_.get(),
        .shifted = shifted ? shifted_.get() : nullptr,
        .scale = scale == 1.0F ? nullptr : scale_.get(),
        .rows = shape.rows,
        .cols = shape.cols,
        .depth = depth,
        .stride = shape.cols,
        .alpha = alpha,
        .beta = beta,
        .shift = 2.5F,
        .scaled_d = scale != 1.0F,
        .symmetric = shape.symmetric,
    };
    scale_value_ = scale;
  }

  MatrixF result() const { return matrix(c_.host()); }
  MatrixF shifted_result() const { return matrix(shifted_.host()); }

  // Largest error of the result, in units of the sum of the absolute values of the terms.
  double error(Operand operand) const {
    const auto view = [&](const MatrixF& m) {
      return MatrixD(
          m.unaryExpr([&](float v) { return rounded(v * scale_value_, operand); }).cast<double>());
    };
    const MatrixD a = view(a_);
    const MatrixD b = view(b_);
    const MatrixD d = d_.cast<double>() * scale_value_;
    const double beta = product.d == nullptr ? 0.0 : product.beta;
    const MatrixD expected = product.alpha * (a * b) + beta * d;
    const MatrixD terms =
        std::abs(product.alpha) * (a.cwiseAbs() * b.cwiseAbs()) + std::abs(beta) * d.cwiseAbs();
    const MatrixD found = result().cast<double>();
    if (!found.allFinite()) return INFINITY;
    return ((found - expected).array().abs() / terms.array().max(1e-30)).maxCoeff();
  }

  Product product;

 private:
  static std::size_t size(const MatrixF& m) { return static_cast<std::size_t>(m.size()); }
  static std::vector<float> values(const MatrixF& m) { return {m.data(), m.data() + m.size()}; }
  static MatrixF random(int rows, int cols, unsigned seed) {
    std::mt19937 engine(seed);
    std::uniform_real_distribution<float> uniform(-1.0F, 1.0F);
    return MatrixF::NullaryExpr(rows, cols, [&] { return uniform(engine); });
  }
  MatrixF matrix(const std::vector<float>& values) const {
    return Eigen::Map<const MatrixF>(values.data(), product.rows, product.cols);
  }

  MatrixF a_, b_, d_;
  std::vector<DeviceArray<float>> memory_a_, memory_b_, memory_d_;
  DeviceArray<float> c_, shifted_, scale_;
  float scale_value_ = 1.0F;
};

// Runs the orthogonalizer on matrices of the host, in NaN-filled memory between guard cells.
class OrthogonalizerRun {
 public:
  explicit OrthogonalizerRun(const std::vector<MatrixF>& inputs) {
    for (const MatrixF& m : inputs) {
      in_.emplace_back(std::vector<float>(m.data(), m.data() + m.size()));
      out_.emplace_back(static_cast<std::size_t>(m.size()));
      items.push_back({static_cast<int>(m.rows()), static_cast<int>(m.cols()), in_.back().get(),
                       out_.back().get()});
    }
  }

  std::vector<MatrixF> run(const NewtonSchulz& method, Operand operand,
                           cublasHandle_t blas = nullptr) {
    const SplitScratch scratch;
    const std::size_t bytes = orthogonalizer.workspace_bytes(items, method);
    const DeviceArray<float> workspace(bytes / sizeof(float));
    orthogonalizer.run(items, method, operand, workspace.get(), bytes, scratch.get(), blas,
                       test_stream());
    wait();
    workspace.host();
    REQUIRE(scratch.clean());
    std::vector<MatrixF> results;
    for (std::size_t i = 0; i < items.size(); ++i) {
      in_[i].host();
      const std::vector<float> values = out_[i].host();
      results.push_back(Eigen::Map<const MatrixF>(values.data(), items[i].rows, items[i].cols));
    }
    return results;
  }

  std::vector<DirectionItem> items;
  cuda::Orthogonalizer orthogonalizer;

 private:
  std::vector<DeviceArray<float>> in_, out_;
};

inline MatrixF orthogonalize_on_device(const MatrixF& in, const NewtonSchulz& method,
                                       Operand operand) {
  return OrthogonalizerRun({in}).run(method, operand)[0];
}

inline NewtonSchulz in_form(NewtonSchulz method, NewtonSchulzForm form) {
  method.form = form;
  return method;
}

}  // namespace dropmuon::kernels
