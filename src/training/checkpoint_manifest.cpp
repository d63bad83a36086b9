// SPDX-License-Identifier: MIT
#include "checkpoint_manifest.h"

#include <span>

#include <nlohmann/json.hpp>

#include <dropmuon/core/crc32c.h>
#include <dropmuon/core/error.h>
#include <dropmuon/core/sha256.h>

namespace dropmuon {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr const char* kFormat = "dropmuon checkpoint";
constexpr int kVersion = 1;

OrderedJson to_json(const FileRecord& record) {
  OrderedJson json = {{"name", record.name}, {"size", record.size}, {"sha256", record.sha256}};
  OrderedJson& tensors = json["tensors_crc32c"] = OrderedJson::object();
  for (const auto& [name, crc] : record.tensors) tensors[name] = crc;
  return json;
}

FileRecord to_record(const OrderedJson& json) {
  FileRecord record{json.at("name"), json.at("size"), json.at("sha256"), {}};
  for (const auto& [name, crc] : json.at("tensors_crc32c").items()) {
    record.tensors.emplace_back(name, crc.get<std::string>());
  }
  return record;
}

// Which tensors of a damaged file differ, or why that cannot be said.
std::string describe_damage(const FileRecord& record, const std::string& content) {
  if (record.tensors.empty()) return "";
  try {
    std::string names;
    const TensorFile file = read_safetensors(content, record.name);
    for (std::size_t i = 0; i < file.tensors.size() && i < record.tensors.size(); ++i) {
      if (tensor_crc(file.tensors[i]) != record.tensors[i].second) {
        names += (names.empty() ? ": " : ", ") + file.tensors[i].name;
      }
    }
    return names.empty() ? " in its header" : names;
  } catch (const Error& error) {
    return fmt::format(" in its header ({})", error.what());
  }
}

}  // namespace

std::string tensor_crc(const NamedTensor& tensor) {
  return fmt::format("{:08x}", crc32c(std::as_bytes(std::span(tensor.values))));
}

FileRecord make_record(const std::string& name, const std::string& content,
                       const std::vector<NamedTensor>& tensors) {
  FileRecord record{name, content.size(), sha256(content), {}};
  for (const NamedTensor& tensor : tensors) {
    record.tensors.emplace_back(tensor.name, tensor_crc(tensor));
  }
  return record;
}

void verify_record(const FileRecord& record, const std::string& content,
                   const std::string& folder) {
  if (content.size() != record.size) {
    fail(ExitCode::bad_data, "{}/{}: {} bytes, the manifest says {}", folder, record.name,
         content.size(), record.size);
  }
  if (sha256(content) != record.sha256) {
    fail(ExitCode::bad_data, "{}/{}: its SHA-256 is not that of the manifest; damaged{}", folder,
         record.name, describe_damage(record, content));
  }
}

std::string write_manifest(const Manifest& manifest) {
  OrderedJson json = {{"format", kFormat},
                      {"version", kVersion},
                      {"step", manifest.step},
                      {"config_hash", manifest.config_hash}};
  OrderedJson& files = json["files"] = OrderedJson::array();
  for (const FileRecord& record : manifest.files) files.push_back(to_json(record));
  json["manifest_sha256"] = sha256(json.dump());
  return json.dump(2) + "\n";
}

Manifest read_manifest(const std::string& text, const std::string& path) {
  const auto bad = [&](const std::string& what) { fail(ExitCode::bad_data, "{}: {}", path, what); };
  const OrderedJson json = OrderedJson::parse(text, nullptr, false);
  Manifest manifest;
  try {
    if (!json.is_object() || json.value("format", "") != kFormat) {
      bad(fmt::format("no manifest of a {}", kFormat));
    }
    if (json.at("version") != kVersion) {
      bad(fmt::format("format version {}, this program reads {}", json.at("version").dump(),
                      kVersion));
    }
    manifest.step = json.at("step");
    manifest.config_hash = json.at("config_hash");
    for (const OrderedJson& file : json.at("files")) manifest.files.push_back(to_record(file));
  } catch (const OrderedJson::exception&) {
    bad("an entry is missing or of the wrong type");
  }
  if (write_manifest(manifest) != text) bad("it does not match its own checksum");
  return manifest;
}

}  // namespace dropmuon
