// SPDX-License-Identifier: MIT
// gzip files (RFC 1952): one member or several, then perhaps zeros, as tapes and some mirrors pad.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace dropmuon {

// All of it. Throws Error(bad_data) naming `path` and the offset of the damage, in whichever
// member.
std::vector<std::uint8_t> gunzip(const std::string& path, std::vector<std::uint8_t> packed,
                                 std::size_t max_bytes);

// The first `size` bytes, from the beginning of a packed file; fewer if that is damaged or too
// short.
std::vector<std::uint8_t> gunzip_head(std::vector<std::uint8_t> packed, std::size_t size);

}  // namespace dropmuon
