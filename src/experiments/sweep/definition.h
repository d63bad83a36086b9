// SPDX-License-Identifier: MIT
// A sweep file as it is written, checked but not yet multiplied out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "axes.h"
#include "setting.h"
#include <dropmuon/config/yaml_document.h>

namespace dropmuon {

struct SweepBase {
  std::string path;  // "" if it is not given
  TextPosition at;
};

struct SweepCase {
  std::string name;  // "" for the one case of a sweep without cases
  SweepBase base;    // its own, or that of the sweep
  std::vector<SweepSetting> settings;
};

struct SweepDefinition {
  std::string name;
  std::string runs_dir;
  std::vector<SweepSetting> settings;
  std::vector<SweepCase> cases;  // at least one
  std::vector<GridAxis> grid;
  RandomAxes random;
  std::vector<std::uint64_t> seeds;  // at least one
};

// `file_name` gives the sweep its name if the file does not. Throws TextError.
SweepDefinition read_sweep_definition(const YamlNode& root, const std::string& file_name);

}  // namespace dropmuon
