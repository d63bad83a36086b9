// SPDX-License-Identifier: MIT
// A dotted key and its value as a sweep file gives them, for all jobs, a case or a place on an
// axis.
#pragma once

#include <string>
#include <vector>

#include <dropmuon/config/config.h>
#include <dropmuon/config/yaml_document.h>

namespace dropmuon {

struct SweepSetting {
  std::string path;  // of a key, or of a section that may be null
  TextPosition at;   // of the key
  YamlNode value;
};

// The settings below `map`, which may nest sections or write them with dots, in the order of the
// file. Throws TextError for unknown keys, keys that the sweep itself sets, the same key twice and
// values that a key refuses.
std::vector<SweepSetting> read_settings(const YamlNode& map);

// The same for axes: what stands at a key is not a value of it, and is not looked at.
std::vector<SweepSetting> read_axis_entries(const YamlNode& map);

// Throws TextError at the value, naming the key.
void apply_setting(RunConfig& config, const SweepSetting& setting);

// The value as its key prints it, the same for "0.010" and "0.01"; checks it on the way.
std::string canonical_value(const std::string& path, const YamlNode& value);

// What `config` says for this key, as an override: "optimizer.lr=0.05". "" for a key whose section
// is null.
std::string as_override(const RunConfig& config, const std::string& path);

}  // namespace dropmuon
