// SPDX-License-Identifier: MIT
// A few parameters on the device, with copies in host memory that tests read and write: take_step
// brings them there and back.
#pragma once

#include <vector>

#include "matrices.h"
#include "test_backend.h"
#include <dropmuon/backend/buffer.h>
#include <dropmuon/core/error.h>
#include <dropmuon/core/random.h>
#include <dropmuon/optim/optimizer.h>

namespace dropmuon {

class Model {
 public:
  explicit Model(int threads = 2) : backend_(test_backend(threads)) {}

  void add(int layer, ParamKind kind, const Shape& shape) {
    const std::size_t i = values_.size();
    values_.push_back(noise(shape.size(), 2 * i));
    grads_.push_back(noise(shape.size(), 2 * i + 1));
    device_values_.emplace_back(*backend_, shape.size());
    device_grads_.emplace_back(*backend_, shape.size());
    params_.push_back(
        {.name = fmt::format("layers.{}.{}", layer, kind == ParamKind::vector ? "bias" : "weight"),
         .kind = kind,
         .layer = layer,
         .shape = shape,
         .value = device_values_.back().data(),
         .grad = device_grads_.back().data()});
  }

  void upload() {
    for (std::size_t i = 0; i < values_.size(); ++i) {
      device_values_[i].upload(values_[i].data());
      device_grads_[i].upload(grads_[i].data());
    }
  }
  void download() {
    for (std::size_t i = 0; i < values_.size(); ++i) {
      device_values_[i].download(values_[i].data());
      device_grads_[i].download(grads_[i].data());
    }
  }

  // Three layers: a convolution, a wide and a tall matrix, each with a bias.
  static Model three_layers() {
    Model model;
    model.add(0, ParamKind::filter, {8, 3, 3, 2});
    model.add(0, ParamKind::vector, {8});
    model.add(1, ParamKind::matrix, {12, 40});
    model.add(1, ParamKind::vector, {12});
    model.add(2, ParamKind::matrix, {33, 7});
    model.add(2, ParamKind::vector, {33});
    return model;
  }

  std::unique_ptr<Optimizer> optimizer(const OptimizerOptions& options, int depth = 3) {
    return make_optimizer(options, *backend_, params_, depth);
  }

  void randomise_gradients(std::uint64_t seed) {
    for (std::size_t i = 0; i < grads_.size(); ++i) {
      const std::vector<float> fresh = noise(grads_[i].size(), 1000 + 50 * seed + i);
      std::copy(fresh.begin(), fresh.end(), grads_[i].begin());
    }
  }

  Backend& backend() { return *backend_; }
  std::vector<float>& value(std::size_t i) { return values_[i]; }
  std::vector<float>& grad(std::size_t i) { return grads_[i]; }
  const std::vector<std::vector<float>>& values() const { return values_; }
  std::span<Param> params() { return params_; }

  MatrixF matrix(std::size_t i) const {
    return Eigen::Map<const MatrixF>(values_[i].data(), params_[i].rows(), params_[i].cols());
  }

 private:
  static std::vector<float> noise(std::size_t size, std::uint64_t seed) {
    Random random(seed, Purpose::synthetic_data, 0);
    std::vector<float> out(size);
    for (float& value : out) value = static_cast<float>(random.normal());
    return out;
  }

  std::unique_ptr<Backend> backend_;
  std::vector<std::vector<float>> values_;
  std::vector<std::vector<float>> grads_;
  std::vector<Buffer<float>> device_values_;
  std::vector<Buffer<float>> device_grads_;
  std::vector<Param> params_;
};

inline void take_step(Model& model, Optimizer& optimizer, const ActiveSet& active, double lr) {
  model.upload();
  optimizer.prepare(active, lr);
  optimizer.step(active);
  model.download();
}

inline std::vector<float> copy_of(Model& model, const StateTensor& tensor) {
  std::vector<float> values(tensor.size);
  model.backend().download(values.data(), tensor.data, tensor.size * sizeof(float));
  return values;
}

}  // namespace dropmuon
