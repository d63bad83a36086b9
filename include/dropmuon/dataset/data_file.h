// SPDX-License-Identifier: MIT
// A whole data file in memory, unpacked if it was gzipped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace dropmuon {

struct DataFile {
  std::string path;                 // as messages name it; ends in .gz if it was packed
  std::vector<std::uint8_t> bytes;  // uncompressed
};

// Far above the largest official file (47 MB), far below what would exhaust a small machine.
inline constexpr std::size_t kMaxDataFileBytes = std::size_t{256} << 20;

// Reads `path` or, if there is no such file (a folder of that name is none), `path`.gz; nullopt if
// neither exists. Throws Error(bad_data) with the file name and the offset of the damage,
// Error(missing_input) with the reason if the system does not tell or cannot open it.
std::optional<DataFile> read_data_file(const std::string& path,
                                       std::size_t max_bytes = kMaxDataFileBytes);

// The first `bytes` of the same content, without reading the rest: fewer if the file is shorter or
// damaged so early, or a folder, which only read_data_file() tells.
struct DataHead {
  std::vector<std::uint8_t> bytes;
  std::optional<std::uint64_t> size;  // of the whole content; unknown of a packed file
};
std::optional<DataHead> read_data_head(const std::string& path, std::size_t bytes);

}  // namespace dropmuon
