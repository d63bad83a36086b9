// SPDX-License-Identifier: MIT
// The data files that a run noted when it began.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <dropmuon/dataset/dataset.h>

namespace dropmuon {

// The data files of a run: name -> SHA-256 of the uncompressed content.
struct RecordedData {
  std::string dataset;
  std::map<std::string, std::string> sha256;  // empty if nothing was noted
};

// From provenance.json in `folder`; nothing if the file is missing or cannot be understood.
std::optional<RecordedData> recorded_data(const std::string& folder);

// The names of files that differ in content or that only one side has, in the order of `data`.
std::vector<std::string> other_files(const RecordedData& recorded, const Dataset& data);

}  // namespace dropmuon
