// SPDX-License-Identifier: MIT
// The safetensors format, F32 only: u64 length of a JSON header, the header, the tensors without
// gaps.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace dropmuon {

struct NamedTensor {
  std::string name;
  std::vector<std::int64_t> shape;  // empty for a scalar
  std::vector<float> values;        // as many as the shape's product
};

struct TensorFile {
  std::vector<NamedTensor> tensors;             // in the order of their bytes in the file
  std::map<std::string, std::string> metadata;  // "__metadata__" of the header
};

// The bytes of the file. Names must be unique, not empty, without control characters.
std::string write_safetensors(const TensorFile& file);

// Refuses whatever write_safetensors would not write: a header that is too long, is no JSON, has
// unknown, repeated, missing or mistyped entries; tensors that overlap, leave holes, end outside
// the file or have another size than their shape; bytes that belong to no tensor. Throws
// Error(bad_data) naming `path`, tensor and what is wrong. White space and the order of the keys in
// the header are free.
TensorFile read_safetensors(std::string_view bytes, const std::string& path);

}  // namespace dropmuon
