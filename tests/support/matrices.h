// SPDX-License-Identifier: MIT
// Random matrices with chosen singular values, and the double-precision reference that judges
// Newton-Schulz. Decompositions are compiled once, in matrices.cpp: they are most of what a test
// that includes them would take to compile.
#pragma once

#include <vector>

#include <Eigen/Core>

#include <dropmuon/backend/buffer.h>
#include <dropmuon/core/random.h>

namespace dropmuon {

using MatrixF = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using MatrixD = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// m = u diag(sigma) v^T, sigma falling; u and v have as many columns as m's short side.
struct Svd {
  MatrixD u;
  Eigen::VectorXd sigma;
  MatrixD v;
};

MatrixD gaussian(int rows, int cols, std::uint64_t seed);
// rows x cols with orthonormal columns, rows >= cols.
MatrixD orthonormal_columns(int rows, int cols, std::uint64_t seed);
MatrixD with_singular_values(const std::vector<double>& values, int rows, int cols,
                             std::uint64_t seed);

Svd svd_of(const MatrixD& m);
MatrixD polar_factor(const MatrixD& m);
double lowest_eigenvalue(const MatrixD& symmetric);

MatrixF orthogonalize(Backend& backend, const MatrixF& in, const NewtonSchulz& method);
MatrixF orthogonalize(Backend& backend, const MatrixD& in, const NewtonSchulz& method);

// The definition: X / ||X||_F, then X <- a X + b (X X^T) X + c (X X^T)^2 X for each step.
MatrixD reference_orthogonalize(const MatrixD& in, const NewtonSchulz& method);

// Bit for bit, up to the sign of zero. A bool, so that a failure does not print the matrices.
bool same(const MatrixF& a, const MatrixF& b);

double relative_difference(const MatrixF& a, const MatrixD& b);

}  // namespace dropmuon
