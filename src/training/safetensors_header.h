// SPDX-License-Identifier: MIT
// The JSON header of a safetensors file, event by event, so that nothing in it goes unseen.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dropmuon::safetensors {

struct HeaderEntry {
  std::string name;
  std::optional<std::string> dtype;
  std::optional<std::vector<std::uint64_t>> shape;
  std::optional<std::vector<std::uint64_t>> offsets;  // two
};

struct Header {
  std::vector<HeaderEntry> entries;  // in the order of the file, every member present
  std::map<std::string, std::string> metadata;
};

// Checks the JSON and its types; what the numbers mean is not looked at. Throws Error(bad_data).
Header read_header(std::string_view text, const std::string& path);

// A name as a message may show it: on one line, short.
std::string shown(std::string name);

}  // namespace dropmuon::safetensors
