// SPDX-License-Identifier: MIT
#include <dropmuon/core/error.h>
#include <dropmuon/core/file_system.h>
#include <dropmuon/training/safetensors.h>
#include <dropmuon/training/weights_file.h>

namespace dropmuon {
namespace {

std::vector<std::int64_t> sides(const Shape& shape) {
  std::vector<std::int64_t> sides;
  for (int i = 0; i < shape.rank(); ++i) sides.push_back(shape[i]);
  return sides;
}

// The tensor of one parameter, checked against it.
const NamedTensor& find_tensor(const TensorFile& file, const Param& param,
                               const std::string& path) {
  for (const NamedTensor& tensor : file.tensors) {
    if (tensor.name != param.name) continue;
    if (tensor.shape != sides(param.shape)) {
      fail(ExitCode::bad_data, "{}: {} has shape [{}], expected {}", path, param.name,
           fmt::join(tensor.shape, ","), param.shape.text());
    }
    return tensor;
  }
  fail(ExitCode::bad_data, "{}: no tensor {}", path, param.name);
}

}  // namespace

void save_weights(const std::string& path, Network& network, const Backend& backend) {
  TensorFile file;
  for (const Param& param : network.params()) {
    NamedTensor tensor{param.name, sides(param.shape), std::vector<float>(param.size())};
    backend.download(tensor.values.data(), param.value, param.size() * sizeof(float));
    file.tensors.push_back(std::move(tensor));
  }
  FileSystem::real().replace_file(path, write_safetensors(file));
}

void load_weights(const std::string& path, Network& network, Backend& backend) {
  const TensorFile file = read_safetensors(FileSystem::real().read_file(path), path);
  const std::size_t expected = network.params().size();
  if (file.tensors.size() != expected) {
    fail(ExitCode::bad_data, "{}: {} tensors, the model has {}", path, file.tensors.size(),
         expected);
  }
  for (const Param& param : network.params()) {
    backend.upload(param.value, find_tensor(file, param, path).values.data(),
                   param.size() * sizeof(float));
  }
  network.params_changed(ActiveSet::all(network.depth()));
}

}  // namespace dropmuon
