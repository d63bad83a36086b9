// SPDX-License-Identifier: MIT
// manifest.json: what belongs to a checkpoint, so precisely that any changed bit shows.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <dropmuon/training/safetensors.h>

namespace dropmuon {

inline constexpr const char* kManifestName = "manifest.json";

struct FileRecord {
  std::string name;
  std::uint64_t size = 0;
  std::string sha256;
  std::vector<std::pair<std::string, std::string>> tensors;  // name, CRC-32C in hexadecimal
};

struct Manifest {
  std::int64_t step = 0;
  std::string config_hash;
  std::vector<FileRecord> files;
};

// The record of a file that is about to be written.
FileRecord make_record(const std::string& name, const std::string& content,
                       const std::vector<NamedTensor>& tensors);

// Throws Error(bad_data) naming `folder`, the file and, where it can be told, the damaged tensors;
// `tensors` are those read from `content`.
void verify_record(const FileRecord& record, const std::string& content, const std::string& folder);

std::string tensor_crc(const NamedTensor& tensor);

std::string write_manifest(const Manifest& manifest);

// The text must be, to the byte, what write_manifest makes of its content, its own checksum
// included. Throws Error(bad_data) naming `path`.
Manifest read_manifest(const std::string& text, const std::string& path);

}  // namespace dropmuon
