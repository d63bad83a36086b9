// SPDX-License-Identifier: MIT
// Random matrices with chosen singular values, and the double-precision reference that judges
// Newton-Schulz.
#pragma once

#include <vector>

#include <Eigen/Dense>

#include <dropmuon/backend/buffer.h>
#include <dropmuon/core/random.h>

namespace dropmuon {

using MatrixF = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using MatrixD = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

inline MatrixD gaussian(int rows, int cols, std::uint64_t seed) {
  Random random(seed, Purpose::synthetic_data, 0);
  return MatrixD::NullaryExpr(rows, cols, [&] { return random.normal(); });
}

// rows x cols with orthonormal columns, rows >= cols.
inline MatrixD orthonormal_columns(int rows, int cols, std::uint64_t seed) {
  const Eigen::HouseholderQR<Eigen::MatrixXd> qr(gaussian(rows, cols, seed));
  return qr.householderQ() * MatrixD::Identity(rows, cols);
}

inline MatrixD with_singular_values(const std::vector<double>& values, int rows, int cols,
                                    std::uint64_t seed) {
  const int n = static_cast<int>(values.size());
  const auto sigma = Eigen::Map<const Eigen::VectorXd>(values.data(), n);
  return orthonormal_columns(rows, n, seed) * sigma.asDiagonal() *
         orthonormal_columns(cols, n, seed + 1000).transpose();
}

inline Eigen::JacobiSVD<Eigen::MatrixXd> svd_of(const MatrixD& m) {
  return Eigen::JacobiSVD<Eigen::MatrixXd>(m, Eigen::ComputeThinU | Eigen::ComputeThinV);
}

inline MatrixD polar_factor(const MatrixD& m) {
  const auto svd = svd_of(m);
  return svd.matrixU() * svd.matrixV().transpose();
}

inline MatrixF orthogonalize(Backend& backend, const MatrixF& in, const NewtonSchulz& method) {
  MatrixF out(in.rows(), in.cols());
  const auto size = static_cast<std::size_t>(in.size());
  Buffer<float> device_in(backend, size);
  device_in.upload(in.data());
  const Buffer<float> device_out(backend, size);
  const std::vector<DirectionItem> items = {{static_cast<int>(in.rows()),
                                             static_cast<int>(in.cols()), device_in.data(),
                                             device_out.data()}};
  backend.prepare_orthogonalize(items, method);
  backend.orthogonalize(items, method);
  device_out.download(out.data());
  return out;
}

inline MatrixF orthogonalize(Backend& backend, const MatrixD& in, const NewtonSchulz& method) {
  return orthogonalize(backend, MatrixF(in.cast<float>()), method);
}

// The definition: X / ||X||_F, then X <- a X + b (X X^T) X + c (X X^T)^2 X for each step.
inline MatrixD reference_orthogonalize(const MatrixD& in, const NewtonSchulz& method) {
  MatrixD x = in / in.norm();
  for (const Quintic& q : method.steps) {
    const MatrixD gram = x * x.transpose();
    const MatrixD factor = q.b * gram + q.c * (gram * gram);
    x = q.a * x + factor * x;
  }
  return x;
}

// Bit for bit, up to the sign of zero. A bool, so that a failure does not print the matrices.
inline bool same(const MatrixF& a, const MatrixF& b) { return (a.array() == b.array()).all(); }

inline double relative_difference(const MatrixF& a, const MatrixD& b) {
  return (a.cast<double>() - b).norm() / b.norm();
}

}  // namespace dropmuon
