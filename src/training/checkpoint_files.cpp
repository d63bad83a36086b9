// SPDX-License-Identifier: MIT
#include "checkpoint_files.h"

#include <array>
#include <cerrno>

#include <unistd.h>

#include "checkpoint_manifest.h"
#include "normalization_metadata.h"
#include <dropmuon/core/error.h>

namespace dropmuon {
namespace {

constexpr const char* kWeights = "weights.safetensors";
constexpr const char* kOptimizer = "optimizer.safetensors";
constexpr const char* kState = "state.json";

// Inside a folder that is there, whatever cannot be read is damage, unless it only may not be read.
std::string read_part(FileSystem& files, const std::string& path) {
  try {
    return files.read_file(path);
  } catch (const Error& error) {
    if (::access(path.c_str(), R_OK) != 0 && errno == EACCES) throw;
    fail(ExitCode::bad_data, "{}", error.what());
  }
}

TensorFile read_tensors(const FileRecord& record, const std::string& content,
                        const std::string& path) {
  TensorFile file = read_safetensors(content, path);
  const std::vector<NamedTensor>& tensors = file.tensors;
  if (tensors.size() != record.tensors.size()) {
    fail(ExitCode::bad_data, "{}: {} tensors, the manifest says {}", path, tensors.size(),
         record.tensors.size());
  }
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const auto& [name, crc] = record.tensors[i];
    if (tensors[i].name != name || tensor_crc(tensors[i]) != crc) {
      fail(ExitCode::bad_data, "{}: tensor {} is not the {} of the manifest", path, tensors[i].name,
           name);
    }
  }
  return file;
}

}  // namespace

std::vector<PackedFile> pack(const Checkpoint& checkpoint) {
  const auto metadata = std::map<std::string, std::string>{
      {"config_hash", checkpoint.config_hash}, {"step", std::to_string(checkpoint.step)}};
  auto of_weights = metadata;
  if (checkpoint.normalization) add_normalization(*checkpoint.normalization, of_weights);
  std::vector<PackedFile> files = {
      {kWeights, write_safetensors({checkpoint.weights, of_weights})},
      {kOptimizer, write_safetensors({checkpoint.optimizer, metadata})},
      {kState, checkpoint.state}};
  const Manifest manifest{checkpoint.step,
                          checkpoint.config_hash,
                          {make_record(kWeights, files[0].content, checkpoint.weights),
                           make_record(kOptimizer, files[1].content, checkpoint.optimizer),
                           make_record(kState, files[2].content, {})}};
  files.push_back({kManifestName, write_manifest(manifest)});
  return files;
}

Checkpoint unpack(FileSystem& files, const std::string& folder) {
  const std::string path = folder + "/" + kManifestName;
  const Manifest manifest = read_manifest(read_part(files, path), path);
  constexpr std::array kNames = {kWeights, kOptimizer, kState};
  Checkpoint checkpoint{manifest.step, manifest.config_hash, {}, {}, {}};
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (manifest.files.size() != kNames.size() || manifest.files[i].name != kNames[i]) {
      fail(ExitCode::bad_data, "{}: it lists other files than {}, {}, {}", path, kWeights,
           kOptimizer, kState);
    }
    const FileRecord& record = manifest.files[i];
    const std::string file = folder + "/" + record.name;
    std::string content = read_part(files, file);
    verify_record(record, content, folder);
    if (i == 0) {
      TensorFile weights = read_tensors(record, content, file);
      checkpoint.normalization = find_normalization(weights.metadata, file);
      checkpoint.weights = std::move(weights.tensors);
    }
    if (i == 1) checkpoint.optimizer = read_tensors(record, content, file).tensors;
    if (i == 2) checkpoint.state = std::move(content);
  }
  return checkpoint;
}

}  // namespace dropmuon
