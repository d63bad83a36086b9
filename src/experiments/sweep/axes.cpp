// SPDX-License-Identifier: MIT
// Reads `grid` and `random` of a sweep file and combines the grid; sweep_draws.cpp draws.
#include "axes.h"

#include <map>
#include <utility>

#include <fmt/format.h>

#include <dropmuon/config/value.h>
#include <dropmuon/core/suggest.h>

namespace dropmuon {
namespace {

const YamlNode& require_map(const YamlNode& node, const std::string& what,
                            const std::string& example) {
  if (node.kind != YamlKind::map || node.keys.empty()) {
    const std::string found = node.kind == YamlKind::map ? "an empty map" : describe(node);
    throw TextError(node.at,
                    fmt::format("{}: expected axes such as {}, found {}", what, example, found));
  }
  return node;
}

// The values of an axis, each accepted by its key and none there twice.
std::vector<YamlNode> read_values(const std::string& path, const YamlNode& list) {
  if (list.kind != YamlKind::list || list.items.empty()) {
    const std::string found = list.kind == YamlKind::list ? "an empty list" : describe(list);
    throw TextError(list.at, fmt::format("{}: expected a list of values, found {}", path, found));
  }
  std::map<std::string, int> lines;
  for (const YamlNode& item : list.items) {
    const std::string value = canonical_value(path, item);
    if (!lines.emplace(value, item.at.line).second) {
      throw TextError(item.at,
                      fmt::format("{}: {} is there twice, which would make two jobs with the same "
                                  "folder",
                                  path, describe(item)));
    }
  }
  return list.items;
}

// A bound is a number that the key itself would take.
double read_bound(const std::string& path, const YamlNode& node) {
  canonical_value(path, node);
  return read_number(node, {"", [](double) { return true; }});
}

void read_bounds(RandomAxis& axis, const YamlNode& range) {
  const std::string name =
      axis.distribution == Distribution::log_uniform ? "log_uniform" : "uniform";
  if (range.kind != YamlKind::list || range.items.size() != 2) {
    const std::string found = range.kind == YamlKind::list
                                  ? fmt::format("a list of {}", range.items.size())
                                  : describe(range);
    throw TextError(range.at, fmt::format("{}: {}: expected two bounds such as [0.001, 0.1], found "
                                          "{}",
                                          axis.path, name, found));
  }
  axis.low = read_bound(axis.path, range.items[0]);
  axis.high = read_bound(axis.path, range.items[1]);
  if (axis.distribution == Distribution::log_uniform && axis.low <= 0.0) {
    throw TextError(range.items[0].at,
                    fmt::format("{}: log_uniform: expected bounds above 0, found {}", axis.path,
                                describe(range.items[0])));
  }
  if (axis.low >= axis.high) {
    throw TextError(
        range.at, fmt::format("{}: {}: expected the lower bound before the higher one, "
                              "found {} and {}",
                              axis.path, name, describe(range.items[0]), describe(range.items[1])));
  }
}

RandomAxis read_random_axis(const SweepSetting& entry) {
  static const std::vector<std::string> kNames = {"log_uniform", "uniform", "choice"};
  const YamlNode& node = entry.value;
  if (node.kind != YamlKind::map || node.keys.size() != 1) {
    throw TextError(
        node.at,
        fmt::format("{}: expected one of log_uniform: [a, b], uniform: [a, b] and "
                    "choice: [a, b, c], found {}",
                    entry.path,
                    node.kind == YamlKind::map ? fmt::format("{} of them", node.keys.size())
                                               : describe(node)));
  }
  RandomAxis axis{.path = entry.path, .at = entry.at};
  const std::string& name = node.keys[0].name;
  if (name == "choice") {
    axis.values = read_values(entry.path, node.items[0]);
  } else if (name == "log_uniform" || name == "uniform") {
    axis.distribution = name == "uniform" ? Distribution::uniform : Distribution::log_uniform;
    read_bounds(axis, node.items[0]);
  } else {
    throw TextError(node.keys[0].at,
                    fmt::format("{}: unknown distribution '{}', expected log_uniform, uniform or "
                                "choice{}",
                                entry.path, one_line(name), did_you_mean(name, kNames)));
  }
  return axis;
}

}  // namespace

std::vector<GridAxis> read_grid(const YamlNode& node) {
  require_map(node, "grid", "optimizer.lr: [0.01, 0.02]");
  std::vector<GridAxis> axes;
  for (const SweepSetting& entry : read_axis_entries(node)) {
    axes.push_back({entry.path, entry.at, read_values(entry.path, entry.value)});
  }
  return axes;
}

RandomAxes read_random(const YamlNode& node) {
  static const std::vector<std::string> kNames = {"samples", "seed", "axes"};
  if (node.kind != YamlKind::map) {
    throw TextError(node.at,
                    fmt::format("random: expected samples and axes, found {}", describe(node)));
  }
  for (const YamlKey& key : node.keys) {
    if (std::find(kNames.begin(), kNames.end(), key.name) != kNames.end()) continue;
    throw TextError(
        key.at, fmt::format("unknown key 'random.{}'; the keys here are {}{}", one_line(key.name),
                            join(kNames, ", "), did_you_mean(key.name, kNames)));
  }
  RandomAxes random{.at = node.at};
  const YamlNode* samples = find_item(node, "samples");
  const YamlNode* axes = find_item(node, "axes");
  if (samples == nullptr) throw TextError(node.at, "random: expected samples: N, found none");
  if (axes == nullptr) throw TextError(node.at, "random: expected axes, found none");
  random.samples = read_named<std::int64_t>("random.samples", *samples, {1, kMaxSweepJobs});
  if (const YamlNode* seed = find_item(node, "seed")) {
    random.seed = read_named<std::uint64_t>("random.seed", *seed, {0, UINT64_MAX});
  }
  require_map(*axes, "random.axes", "optimizer.lr: {log_uniform: [0.001, 0.1]}");
  for (const SweepSetting& entry : read_axis_entries(*axes)) {
    random.axes.push_back(read_random_axis(entry));
  }
  return random;
}

std::vector<SweepPoint> grid_points(const std::vector<GridAxis>& axes) {
  std::vector<SweepPoint> points = {{}};
  for (const GridAxis& axis : axes) {
    std::vector<SweepPoint> longer;
    for (const SweepPoint& point : points) {
      for (const YamlNode& value : axis.values) {
        longer.push_back(point);
        longer.back().push_back({axis.path, axis.at, value});
      }
    }
    points = std::move(longer);
  }
  return points;
}

}  // namespace dropmuon
