// SPDX-License-Identifier: MIT
// What reader and writer of safetensors agree on.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

namespace dropmuon::safetensors {

inline constexpr std::uint64_t kMaxHeader =
    100'000'000;  // the limit of the reference implementation
inline constexpr const char* kMetadata = "__metadata__";  // no tensor can have this name

// Control characters would break the one-line messages that quote the name.
inline bool is_good_name(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char letter) {
    return static_cast<unsigned char>(letter) >= 0x20 && letter != 0x7f;
  });
}

}  // namespace dropmuon::safetensors
