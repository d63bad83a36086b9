// SPDX-License-Identifier: MIT
#include "matrices.h"

#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <Eigen/SVD>

namespace dropmuon {

MatrixD gaussian(int rows, int cols, std::uint64_t seed) {
  Random random(seed, Purpose::synthetic_data, 0);
  return MatrixD::NullaryExpr(rows, cols, [&] { return random.normal(); });
}

MatrixD orthonormal_columns(int rows, int cols, std::uint64_t seed) {
  const Eigen::HouseholderQR<Eigen::MatrixXd> qr(gaussian(rows, cols, seed));
  return qr.householderQ() * MatrixD::Identity(rows, cols);
}

MatrixD with_singular_values(const std::vector<double>& values, int rows, int cols,
                             std::uint64_t seed) {
  const int n = static_cast<int>(values.size());
  const auto sigma = Eigen::Map<const Eigen::VectorXd>(values.data(), n);
  return orthonormal_columns(rows, n, seed) * sigma.asDiagonal() *
         orthonormal_columns(cols, n, seed + 1000).transpose();
}

Svd svd_of(const MatrixD& m) {
  const Eigen::JacobiSVD<Eigen::MatrixXd> svd(m, Eigen::ComputeThinU | Eigen::ComputeThinV);
  return {svd.matrixU(), svd.singularValues(), svd.matrixV()};
}

MatrixD polar_factor(const MatrixD& m) {
  const Svd svd = svd_of(m);
  return svd.u * svd.v.transpose();
}

double lowest_eigenvalue(const MatrixD& symmetric) {
  return Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>(symmetric).eigenvalues()(0);
}

MatrixF orthogonalize(Backend& backend, const MatrixF& in, const NewtonSchulz& method) {
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

MatrixF orthogonalize(Backend& backend, const MatrixD& in, const NewtonSchulz& method) {
  return orthogonalize(backend, MatrixF(in.cast<float>()), method);
}

MatrixD reference_orthogonalize(const MatrixD& in, const NewtonSchulz& method) {
  MatrixD x = in / in.norm();
  for (const Quintic& q : method.steps) {
    const MatrixD gram = x * x.transpose();
    const MatrixD factor = q.b * gram + q.c * (gram * gram);
    x = q.a * x + factor * x;
  }
  return x;
}

bool same(const MatrixF& a, const MatrixF& b) { return (a.array() == b.array()).all(); }

double relative_difference(const MatrixF& a, const MatrixD& b) {
  return (a.cast<double>() - b).norm() / b.norm();
}

}  // namespace dropmuon
