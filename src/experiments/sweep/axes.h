// SPDX-License-Identifier: MIT
// The axes of a sweep: from what the file says to the places that jobs are made for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "setting.h"
#include <dropmuon/config/value.h>
#include <dropmuon/config/yaml_document.h>

namespace dropmuon {

struct GridAxis {
  std::string path;
  TextPosition at;
  std::vector<YamlNode> values;
};

enum class Distribution { log_uniform, uniform, choice };

struct RandomAxis {
  std::string path;
  TextPosition at;
  Distribution distribution = Distribution::choice;
  double low = 0.0;
  double high = 0.0;
  std::vector<YamlNode> values;  // of a choice
};

struct RandomAxes {
  TextPosition at;
  std::int64_t samples = 0;
  std::uint64_t seed = 0;
  std::vector<RandomAxis> axes;  // none: the sweep draws nothing
};

constexpr std::int64_t kMaxSweepJobs = 100'000;

// A whole number that is no key of a configuration, under its name in messages.
template <typename T>
T read_named(const std::string& name, const YamlNode& node, const IntegerRange& range) {
  try {
    return read_integer<T>(node, range);
  } catch (const TextError& error) {
    throw TextError(error.at(), name + ": " + error.what());
  }
}

// Throw TextError: an empty list, a value that its key refuses, bounds that make no range.
std::vector<GridAxis> read_grid(const YamlNode& node);
RandomAxes read_random(const YamlNode& node);

// One value of each axis.
using SweepPoint = std::vector<SweepSetting>;

// Every combination, the last axis changing fastest; one empty point without axes.
std::vector<SweepPoint> grid_points(const std::vector<GridAxis>& axes);

// So many different draws. Draw i of an axis depends on the seed, i and the name of its key alone:
// more samples go on where fewer ended, another axis changes no draw of this one. Numbers are
// rounded to four significant digits, so that a label shows all of them, and to whole numbers for
// keys that want those. Throws TextError if there are not so many different ones.
std::vector<SweepPoint> random_points(const RandomAxes& random);

}  // namespace dropmuon
