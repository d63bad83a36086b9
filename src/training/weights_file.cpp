// SPDX-License-Identifier: MIT
#include <algorithm>
#include <filesystem>

#include "named_tensor.h"
#include "normalization_metadata.h"
#include <dropmuon/core/crc32c.h>
#include <dropmuon/core/error.h>
#include <dropmuon/core/file_system.h>
#include <dropmuon/core/run_files.h>
#include <dropmuon/training/checkpoint_store.h>
#include <dropmuon/training/safetensors.h>
#include <dropmuon/training/weights_file.h>

namespace dropmuon {
namespace fs = std::filesystem;
namespace {

// The tensor of one parameter, checked against it.
const NamedTensor& find_tensor(const std::vector<NamedTensor>& tensors, const Param& param,
                               const std::string& path) {
  for (const NamedTensor& tensor : tensors) {
    if (tensor.name != param.name) continue;
    if (tensor.shape != sides(param.shape)) {
      fail(ExitCode::bad_data, "{}: {} has shape [{}], expected [{}]", path, param.name,
           fmt::join(tensor.shape, ","), fmt::join(sides(param.shape), ","));
    }
    return tensor;
  }
  fail(ExitCode::bad_data, "{}: no tensor {}", path, param.name);
}

const std::string kSum = "crc32c.";  // in front of a tensor's name, in the metadata

std::string checksum(const NamedTensor& tensor) {
  const auto* bytes = reinterpret_cast<const char*>(tensor.values.data());
  return fmt::format("{:08x}", crc32c({bytes, tensor.values.size() * sizeof(float)}));
}

// Files from elsewhere have no sums; those of save_weights() have one for each tensor.
SavedWeights verified(TensorFile file, const std::string& path) {
  const auto& sums = file.metadata;
  const bool is_ours = std::any_of(sums.begin(), sums.end(),
                                   [](const auto& entry) { return entry.first.starts_with(kSum); });
  for (const NamedTensor& tensor : file.tensors) {
    const auto sum = sums.find(kSum + tensor.name);
    const std::string expected = sum == sums.end() ? "not there" : sum->second;
    if (!is_ours || expected == checksum(tensor)) continue;
    fail(ExitCode::bad_data, "{}: {} is damaged: its CRC-32C is {}, the one noted is {}", path,
         tensor.name, checksum(tensor), expected);
  }
  return {std::move(file.tensors), path, path, find_normalization(file.metadata, path)};
}

// "": the current folder.
std::string or_here(const fs::path& folder) { return folder.empty() ? "." : folder.string(); }

// Throws Error(missing_input) with the reason where that cannot be seen.
bool is_there(const fs::path& path) { return FileSystem::real().exists(path.string()); }

std::string file_in(const std::string& checkpoint) {
  return checkpoint + "/" + run_files::kWeights;
}

SavedWeights of(Checkpoint checkpoint, const std::string& source, const std::string& file) {
  return {std::move(checkpoint.weights), source, file, std::move(checkpoint.normalization)};
}

// The sums of a checkpoint's file are in the manifest beside it.
SavedWeights read_weights_file(const std::string& path) {
  std::error_code ignored;
  const fs::path whole = fs::absolute(path, ignored);
  const fs::path folder = whole.parent_path();
  if (whole.filename() == run_files::kWeights && is_there(folder / "manifest.json")) {
    const CheckpointStore store(folder.parent_path().string(), 1);
    return of(store.load(folder.string()), path, path);
  }
  return verified(read_safetensors(FileSystem::real().read_file(path), path), path);
}

SavedWeights newest(const std::string& checkpoints) {
  auto loaded = CheckpointStore(checkpoints, 1).load_newest("");
  if (!loaded) {
    fail(ExitCode::missing_input, "no weights and no checkpoint in {}", checkpoints);
  }
  warn_of_damage(*loaded);
  return of(std::move(loaded->checkpoint), loaded->folder, file_in(loaded->folder));
}

}  // namespace

void save_weights(const std::string& path, Network& network, const Normalization& normalization,
                  const Backend& backend) {
  TensorFile file;
  add_normalization(normalization, file.metadata);
  for (const Param& param : network.params()) {
    NamedTensor tensor = download_tensor(backend, param);
    file.metadata[kSum + tensor.name] = checksum(tensor);
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
    const std::string beside = or_here(at.parent_path());
    if (at.filename() == "latest") return newest(beside);
    if (at.filename() != "best") return read_weights_file(path);
    const std::optional<std::string> best = CheckpointStore(beside, 1).best_folder();
    if (!best) fail(ExitCode::missing_input, "no checkpoint in {} is marked as the best", beside);
    at = *best;
  }
  if (is_there(at / "manifest.json")) {
    const CheckpointStore store(or_here(at.parent_path()), 1);
    return of(store.load(at.string()), at.string(), file_in(at.string()));
  }
  if (is_there(at / "latest")) return newest(at.string());
  const std::string final_weights = file_in(at.string());
  if (is_there(final_weights)) return read_weights(final_weights);
  return newest((at / run_files::kCheckpoints).string());
}

}  // namespace dropmuon
