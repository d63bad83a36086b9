// SPDX-License-Identifier: MIT
// From header to tensors: every byte of the file belongs to exactly one thing.
#include <algorithm>
#include <array>
#include <cstring>

#include "safetensors_header.h"
#include "safetensors_rules.h"
#include <dropmuon/core/error.h>
#include <dropmuon/training/safetensors.h>

namespace dropmuon {
namespace {

using safetensors::Header;
using safetensors::HeaderEntry;
using safetensors::shown;

[[noreturn]] void bad(const std::string& path, const std::string& what) {
  fail(ExitCode::bad_data, "{}: {}", path, what);
}

[[noreturn]] void bad(const std::string& path, const HeaderEntry& entry, const std::string& what) {
  fail(ExitCode::bad_data, "{}: '{}' {}", path, shown(entry.name), what);
}

std::string_view header_text(std::string_view bytes, const std::string& path) {
  std::uint64_t length = 0;
  if (bytes.size() < sizeof(length)) bad(path, "too short for a safetensors file");
  std::memcpy(&length, bytes.data(), sizeof(length));
  if (length > safetensors::kMaxHeader) {
    bad(path, fmt::format("header of {} bytes, at most {} are accepted; is it a safetensors file?",
                          length, safetensors::kMaxHeader));
  }
  if (length > bytes.size() - sizeof(length)) {
    bad(path, fmt::format("header of {} bytes in a file of {}", length, bytes.size()));
  }
  const std::string_view text = bytes.substr(sizeof(length), length);
  if (!text.starts_with('{')) bad(path, "the header does not start with '{'");
  // The JSON library takes a zero byte for the end of the text.
  if (text.find('\0') != std::string_view::npos) bad(path, "a zero byte in the header");
  return text;
}

void check_dtype(const HeaderEntry& entry, const std::string& path) {
  constexpr std::array kOthers = {"BOOL", "U8",   "I8",  "F8_E5M2", "F8_E4M3", "I16", "U16",
                                  "F16",  "BF16", "I32", "U32",     "F64",     "I64", "U64"};
  if (*entry.dtype == "F32") return;
  for (const char* other : kOthers) {
    if (*entry.dtype == other) bad(path, entry, fmt::format("has dtype {}, expected F32", other));
  }
  bad(path, entry, fmt::format("has the unknown dtype '{}'", shown(*entry.dtype)));
}

// The bytes that the shape asks for. A side of zero does not excuse an overflow of the others.
std::uint64_t byte_size(const HeaderEntry& entry, const std::string& path) {
  std::uint64_t size = sizeof(float);
  bool empty = false;
  for (const std::uint64_t side : *entry.shape) {
    empty = empty || side == 0;
    if (__builtin_mul_overflow(size, side == 0 ? 1 : side, &size)) {
      bad(path, entry, "has a shape whose size overflows");
    }
  }
  return empty ? 0 : size;
}

std::string range_of(const HeaderEntry& entry) {
  return fmt::format("lies at {}..{}", entry.offsets->at(0), entry.offsets->at(1));
}

// Whether its place is one for this tensor, whatever the others are.
void check_range(const HeaderEntry& entry, std::uint64_t available, const std::string& path) {
  const std::uint64_t begin = entry.offsets->at(0);
  const std::uint64_t end = entry.offsets->at(1);
  const std::string range = range_of(entry);
  if (begin > end) bad(path, entry, range + ": it ends before it begins");
  if (end > available) bad(path, entry, fmt::format("{} of {} bytes", range, available));
}

// Each tensor begins where the one before it in the file ended.
void check_begin(const HeaderEntry& entry, std::uint64_t expected, const std::string& path) {
  const std::uint64_t begin = entry.offsets->at(0);
  if (begin < expected) {
    bad(path, entry,
        fmt::format("{}: it overlaps the tensors before it, which end at {}", range_of(entry),
                    expected));
  }
  if (begin > expected) {
    bad(path, entry, fmt::format("{}: a hole from {} on", range_of(entry), expected));
  }
}

void check_size(const HeaderEntry& entry, const std::string& path) {
  const std::uint64_t found = entry.offsets->at(1) - entry.offsets->at(0);
  const std::uint64_t size = byte_size(entry, path);
  if (found != size) {
    bad(path, entry, fmt::format("{}: {} bytes, its shape takes {}", range_of(entry), found, size));
  }
}

// By place in the file. The order of the keys is free: other programs sort them by name.
std::vector<HeaderEntry*> in_order(Header& header) {
  std::vector<HeaderEntry*> entries;
  for (HeaderEntry& entry : header.entries) entries.push_back(&entry);
  std::stable_sort(entries.begin(), entries.end(), [](const HeaderEntry* a, const HeaderEntry* b) {
    return std::pair(a->offsets->at(0), a->offsets->at(1)) <
           std::pair(b->offsets->at(0), b->offsets->at(1));
  });
  return entries;
}

}  // namespace

TensorFile read_safetensors(std::string_view bytes, const std::string& path) {
  const std::string_view text = header_text(bytes, path);
  Header header = safetensors::read_header(text, path);
  const std::string_view data = bytes.substr(sizeof(std::uint64_t) + text.size());
  TensorFile file;
  file.metadata = std::move(header.metadata);
  for (const HeaderEntry& entry : header.entries) {
    check_dtype(entry, path);
    check_range(entry, data.size(), path);
  }
  std::uint64_t used = 0;
  for (HeaderEntry* place : in_order(header)) {
    HeaderEntry& entry = *place;
    check_begin(entry, used, path);
    check_size(entry, path);
    NamedTensor tensor;
    tensor.shape.assign(entry.shape->begin(), entry.shape->end());
    tensor.values.resize((entry.offsets->at(1) - used) / sizeof(float));
    if (!tensor.values.empty()) {
      std::memcpy(tensor.values.data(), data.data() + used, tensor.values.size() * sizeof(float));
    }
    used = entry.offsets->at(1);
    tensor.name = std::move(entry.name);
    file.tensors.push_back(std::move(tensor));
  }
  if (used != data.size()) {
    bad(path, fmt::format("{} bytes belong to no tensor", data.size() - used));
  }
  return file;
}

}  // namespace dropmuon
