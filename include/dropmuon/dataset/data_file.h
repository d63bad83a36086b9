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

// Reads `path` or, if there is no such file, `path`.gz; nullopt if neither exists. Throws
// Error(bad_data) with the file name and the offset of the damage.
std::optional<DataFile> read_data_file(const std::string& path,
                                       std::size_t max_bytes = kMaxDataFileBytes);

}  // namespace dropmuon
