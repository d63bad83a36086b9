// SPDX-License-Identifier: MIT
// The files of the public data sets, with the hashes of their uncompressed content.
#pragma once

#include <span>
#include <string_view>

namespace dropmuon {

struct OfficialFile {
  std::string_view dataset;  // "mnist"
  std::string_view name;     // "train-images-idx3-ubyte"
  std::string_view sha256;
};

std::span<const OfficialFile> official_files();

}  // namespace dropmuon
