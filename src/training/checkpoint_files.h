// SPDX-License-Identifier: MIT
// A checkpoint as the files of one folder, and back.
#pragma once

#include <string>
#include <vector>

#include <dropmuon/core/file_system.h>
#include <dropmuon/training/checkpoint_store.h>

namespace dropmuon {

struct PackedFile {
  std::string name;
  std::string content;
};

// In the order of writing; the manifest comes last.
std::vector<PackedFile> pack(const Checkpoint& checkpoint);

// Reads and verifies a folder. Throws Error(bad_data).
Checkpoint unpack(FileSystem& files, const std::string& folder);

}  // namespace dropmuon
