// SPDX-License-Identifier: MIT
// What a run has noted about itself, against what is here now: other data would make another run of
// it, another machine or program gives other bits.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <dropmuon/dataset/dataset.h>
#include <dropmuon/runner/config.h>

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

// Before anything in `folder` is touched. Throws Error(bad_data) if the files of `data` are not
// those that the run there has trained on; a run that noted none goes on with a warning.
void require_same_data(const std::string& folder, const Dataset& data);

// Likewise. Throws if config.yaml is not the text whose hash was noted when the run began: Error
// (bad_config) if it says to compute something else, Error(bad_data) otherwise. Folders that noted
// none, as of old, are not judged here.
void require_same_config(const std::string& folder, const ConfigHashes& hashes);

// One warning that names all that differs between the process that worked in `folder` last and this
// one, whose provenance is `document`.
void warn_if_elsewhere(const std::string& folder, const std::string& document);

// Keeps `document`: as provenance.json of the first process, a line for each later one.
void note_provenance(const std::string& folder, const std::string& document);

}  // namespace dropmuon
