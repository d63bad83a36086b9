// SPDX-License-Identifier: MIT
#include <bit>
#include <cstring>
#include <set>

#include <nlohmann/json.hpp>

#include "safetensors_rules.h"
#include <dropmuon/core/error.h>
#include <dropmuon/training/safetensors.h>

namespace dropmuon {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

using OrderedJson = nlohmann::ordered_json;

void check(const NamedTensor& tensor, std::set<std::string>* names) {
  DM_CHECK(safetensors::is_good_name(tensor.name) && tensor.name != safetensors::kMetadata,
           "'{}' is no name for a tensor", tensor.name);
  DM_CHECK(names->insert(tensor.name).second, "two tensors named {}", tensor.name);
  std::size_t count = 1;
  for (const std::int64_t side : tensor.shape) count *= static_cast<std::size_t>(side);
  DM_CHECK(count == tensor.values.size(), "{} has {} values, its shape {}", tensor.name,
           tensor.values.size(), count);
}

OrderedJson make_header(const TensorFile& file) {
  OrderedJson header = OrderedJson::object();
  if (!file.metadata.empty()) header[safetensors::kMetadata] = file.metadata;
  std::set<std::string> names;
  std::uint64_t begin = 0;
  for (const NamedTensor& tensor : file.tensors) {
    check(tensor, &names);
    const std::uint64_t end = begin + tensor.values.size() * sizeof(float);
    header[tensor.name] = {
        {"dtype", "F32"}, {"shape", tensor.shape}, {"data_offsets", {begin, end}}};
    begin = end;
  }
  return header;
}

}  // namespace

std::string write_safetensors(const TensorFile& file) {
  std::string header = make_header(file).dump();
  header.append((8 - header.size() % 8) % 8, ' ');  // the tensors start aligned
  DM_CHECK(header.size() <= safetensors::kMaxHeader, "a header of {} bytes", header.size());
  std::size_t size = sizeof(std::uint64_t) + header.size();
  for (const NamedTensor& tensor : file.tensors) size += tensor.values.size() * sizeof(float);
  std::string out;
  out.reserve(size);
  const std::uint64_t length = header.size();
  out.append(reinterpret_cast<const char*>(&length), sizeof(length));
  out += header;
  for (const NamedTensor& tensor : file.tensors) {
    out.append(reinterpret_cast<const char*>(tensor.values.data()),
               tensor.values.size() * sizeof(float));
  }
  return out;
}

}  // namespace dropmuon
