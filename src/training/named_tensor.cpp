// SPDX-License-Identifier: MIT
#include "named_tensor.h"

#include <utility>

namespace dropmuon {

std::vector<std::int64_t> sides(const Shape& shape) {
  std::vector<std::int64_t> sides;
  for (int i = 0; i < shape.rank(); ++i) sides.push_back(shape[i]);
  return sides;
}

NamedTensor download_tensor(const Backend& backend, const std::string& name,
                            std::vector<std::int64_t> shape, const float* data, std::size_t size) {
  NamedTensor tensor{name, std::move(shape), std::vector<float>(size)};
  backend.download(tensor.values.data(), data, size * sizeof(float));
  return tensor;
}

NamedTensor download_tensor(const Backend& backend, const Param& param) {
  return download_tensor(backend, param.name, sides(param.shape), param.value, param.size());
}

}  // namespace dropmuon
