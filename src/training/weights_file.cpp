// SPDX-License-Identifier: MIT
#include <filesystem>

#include <dropmuon/core/error.h>
#include <dropmuon/core/file_system.h>
#include <dropmuon/training/checkpoint_store.h>
#include <dropmuon/training/safetensors.h>
#include <dropmuon/training/weights_file.h>

namespace dropmuon {
namespace fs = std::filesystem;
namespace {

std::vector<std::int64_t> sides(const Shape& shape) {
  std::vector<std::int64_t> sides;
  for (int i = 0; i < shape.rank(); ++i) sides.push_back(shape[i]);
  return sides;
}

// The tensor of one parameter, checked against it.
const NamedTensor& find_tensor(const std::vector<NamedTensor>& tensors, const Param& param,
                               const std::string& path) {
  for (const NamedTensor& tensor : tensors) {
    if (tensor.name != param.name) continue;
    if (tensor.shape != sides(param.shape)) {
      fail(ExitCode::bad_data, "{}: {} has shape [{}], expected {}", path, param.name,
           fmt::join(tensor.shape, ","), param.shape.text());
    }
    return tensor;
  }
  fail(ExitCode::bad_data, "{}: no tensor {}", path, param.name);
}

SavedWeights newest(const CheckpointStore& store, const fs::path& folder) {
  auto loaded = store.load_newest("");
  if (!loaded) fail(ExitCode::missing_input, "no weights and no checkpoint in {}", folder.string());
  return {std::move(loaded->checkpoint.weights), loaded->folder};
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

void set_weights(const std::vector<NamedTensor>& tensors, const std::string& source,
                 Network& network, Backend& backend) {
  const std::size_t expected = network.params().size();
  if (tensors.size() != expected) {
    fail(ExitCode::bad_data, "{}: {} tensors, the model has {}", source, tensors.size(), expected);
  }
  for (const Param& param : network.params()) {
    backend.upload(param.value, find_tensor(tensors, param, source).values.data(),
                   param.size() * sizeof(float));
  }
  network.params_changed(ActiveSet::all(network.depth()));
}

SavedWeights read_weights(const std::string& path) {
  fs::path at = path;
  std::error_code ignored;
  if (!fs::is_directory(at, ignored)) {
    const CheckpointStore beside(at.parent_path().string(), 1);
    if (at.filename() == "latest") return newest(beside, at.parent_path());
    if (at.filename() != "best") {
      return {read_safetensors(FileSystem::real().read_file(path), path).tensors, path};
    }
    const std::optional<std::string> best = beside.best_folder();
    if (!best) fail(ExitCode::missing_input, "{}: no checkpoint is marked as the best", path);
    at = *best;
  }
  if (fs::exists(at / "manifest.json", ignored)) {
    const CheckpointStore store(at.parent_path().string(), 1);
    return {store.load(at.string()).weights, at.string()};
  }
  if (fs::exists(at / "weights.safetensors", ignored)) {
    return read_weights((at / "weights.safetensors").string());
  }
  return newest(CheckpointStore((at / "checkpoints").string(), 1), at);
}

}  // namespace dropmuon
