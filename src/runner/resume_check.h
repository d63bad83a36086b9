// SPDX-License-Identifier: MIT
// What a run has noted about itself, against what is here now: other data would make another run of
// it, another machine or program gives other bits.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <dropmuon/config/config.h>
#include <dropmuon/dataset/dataset.h>

namespace dropmuon {

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
