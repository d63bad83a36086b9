// SPDX-License-Identifier: MIT
#include "definition.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

#include <fmt/format.h>

#include <dropmuon/config/schema.h>
#include <dropmuon/config/value.h>
#include <dropmuon/core/path_text.h>
#include <dropmuon/core/suggest.h>

namespace dropmuon {
namespace {

const std::vector<std::string>& sweep_keys() {
  static const std::vector<std::string> keys = {"name",  "runs_dir", "base",   "set",
                                                "cases", "grid",     "random", "seeds"};
  return keys;
}

void check_keys(const YamlNode& root) {
  if (root.kind != YamlKind::map) {
    throw TextError(root.at, fmt::format("expected keys such as 'base:' and 'grid:', found {}",
                                         describe(root)));
  }
  for (const YamlKey& key : root.keys) {
    const std::vector<std::string>& keys = sweep_keys();
    if (std::find(keys.begin(), keys.end(), key.name) != keys.end()) continue;
    std::string hint = did_you_mean(key.name, keys);
    const ConfigSchema& schema = config_schema();
    if (schema.find_key(key.name) != nullptr || schema.find_section(key.name) != nullptr) {
      hint = is_sweep(root)
                 ? "; keys of a configuration go below 'set:'"
                 : "; this looks like a configuration: dropmuon train FILE, or name it as the "
                   "base: of a sweep";
    } else if (hint.empty()) {
      hint = "; the keys of a sweep are " + join(keys, ", ");
    }
    throw TextError(key.at, fmt::format("unknown key '{}'{}", one_line(key.name), hint));
  }
}

// `name` and `runs_dir` follow the rules of the keys of a configuration.
RunConfig read_place(const YamlNode& root, const std::string& file_name) {
  RunConfig config;
  YamlNode name{.kind = YamlKind::scalar,
                .at = root.at,
                .text = std::filesystem::path(file_name).stem().string()};
  if (const YamlNode* given = find_item(root, "name")) name = *given;
  apply_setting(config, {"name", name.at, name});
  if (const YamlNode* given = find_item(root, "runs_dir")) {
    apply_setting(config, {"runs_dir", given->at, *given});
  }
  return config;
}

SweepBase read_base(const YamlNode& map, const SweepBase& otherwise) {
  const YamlNode* node = find_item(map, "base");
  if (node == nullptr) return otherwise;
  if (node->kind != YamlKind::scalar || node->text.empty()) {
    throw TextError(node->at, fmt::format("base: expected the file of a configuration, found {}",
                                          describe(*node)));
  }
  const PathText expanded = expand_path(node->text);
  if (!expanded.problem.empty()) {
    throw TextError(node->at, fmt::format("base: {}: {}", one_line(node->text), expanded.problem));
  }
  return {expanded.path, node->at};
}

void check_case_name(const YamlKey& key) {
  constexpr std::size_t kMaxName = 60;
  constexpr std::string_view kLetters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
  const std::string& name = key.name;
  if (!name.empty() && name.size() <= kMaxName && name.front() != '-' && name.front() != '.' &&
      name.find_first_not_of(kLetters) == std::string::npos) {
    return;
  }
  throw TextError(key.at, fmt::format("cases: expected a name of 1 to {} letters, digits, '_', '-' "
                                      "and '.', not starting with '-' or '.'; found '{}'",
                                      kMaxName, one_line(name)));
}

SweepCase read_case(const YamlKey& key, YamlNode node, const SweepBase& base) {
  check_case_name(key);
  SweepCase found{.name = key.name, .base = base};
  if (node.kind == YamlKind::null) return found;
  if (node.kind != YamlKind::map) {
    throw TextError(node.at, fmt::format("cases: {}: expected a map of settings, found {}",
                                         one_line(key.name), describe(node)));
  }
  found.base = read_base(node, base);
  for (std::size_t i = 0; i < node.keys.size(); ++i) {
    if (node.keys[i].name != "base") continue;
    node.keys.erase(node.keys.begin() + static_cast<std::ptrdiff_t>(i));
    node.items.erase(node.items.begin() + static_cast<std::ptrdiff_t>(i));
    break;
  }
  found.settings = read_settings(node);
  return found;
}

std::vector<SweepCase> read_cases(const YamlNode& root) {
  const SweepBase base = read_base(root, {});
  const YamlNode* node = find_item(root, "cases");
  std::vector<SweepCase> cases;
  if (node == nullptr) {
    cases.push_back({.name = "", .base = base, .settings = {}});
  } else if (node->kind != YamlKind::map || node->keys.empty()) {
    throw TextError(node->at, fmt::format("cases: expected names with their settings, found {}",
                                          node->kind == YamlKind::map ? "none" : describe(*node)));
  } else {
    for (std::size_t i = 0; i < node->keys.size(); ++i) {
      cases.push_back(read_case(node->keys[i], node->items[i], base));
    }
  }
  for (const SweepCase& each : cases) {
    if (!each.base.path.empty()) continue;
    throw TextError(root.at,
                    each.name.empty()
                        ? "expected base: CONFIG, the configuration to start from; found none"
                        : fmt::format("expected base: CONFIG, here or in case '{}'; found "
                                      "none",
                                      each.name));
  }
  return cases;
}

std::vector<std::uint64_t> read_seeds(const YamlNode& root) {
  const YamlNode* node = find_item(root, "seeds");
  if (node == nullptr) return {0};
  std::vector<std::uint64_t> seeds;
  if (node->kind != YamlKind::list) {
    if (node->kind != YamlKind::scalar) {
      throw TextError(node->at, fmt::format("seeds: expected a list of them, or how many, found {}",
                                            describe(*node)));
    }
    const auto count = read_named<std::uint64_t>("seeds", *node, {1, kMaxSweepJobs});
    for (std::uint64_t seed = 0; seed < count; ++seed) seeds.push_back(seed);
    return seeds;
  }
  if (node->items.empty()) throw TextError(node->at, "seeds: expected at least one, found none");
  for (const YamlNode& item : node->items) {
    const auto seed = read_named<std::uint64_t>("seeds", item, {0, UINT64_MAX});
    if (std::find(seeds.begin(), seeds.end(), seed) != seeds.end()) {
      throw TextError(item.at, fmt::format("seeds: {} is there twice, which would make two jobs "
                                           "with the same folder",
                                           seed));
    }
    seeds.push_back(seed);
  }
  return seeds;
}

// A key that an axis varies has no other value: one that is written elsewhere would be ignored.
void check_axes(const SweepDefinition& sweep) {
  std::map<std::string, std::pair<std::string, int>> first;
  const auto note = [&](const std::vector<SweepSetting>& settings, const std::string& where) {
    for (const SweepSetting& s : settings) first.emplace(s.path, std::pair(where, s.at.line));
  };
  note(sweep.settings, "set");
  for (const SweepCase& each : sweep.cases) note(each.settings, "case '" + each.name + "'");
  const auto check = [&](const std::string& path, TextPosition at, const std::string& where) {
    const auto [found, is_new] = first.emplace(path, std::pair(where, at.line));
    if (is_new) return;
    throw TextError(at, fmt::format("axis '{}' is already set by {} on line {}; keep one of them",
                                    path, found->second.first, found->second.second + 1));
  };
  for (const GridAxis& axis : sweep.grid) check(axis.path, axis.at, "grid");
  for (const RandomAxis& axis : sweep.random.axes) check(axis.path, axis.at, "random");
}

}  // namespace

SweepDefinition read_sweep_definition(const YamlNode& root, const std::string& file_name) {
  check_keys(root);
  const RunConfig place = read_place(root, file_name);
  SweepDefinition sweep{.name = place.name, .runs_dir = place.runs_dir};
  if (const YamlNode* node = find_item(root, "set")) {
    if (node->kind != YamlKind::map) {
      throw TextError(node->at,
                      fmt::format("set: expected a map of settings, found {}", describe(*node)));
    }
    sweep.settings = read_settings(*node);
  }
  sweep.cases = read_cases(root);
  if (const YamlNode* node = find_item(root, "grid")) sweep.grid = read_grid(*node);
  if (const YamlNode* node = find_item(root, "random")) sweep.random = read_random(*node);
  sweep.seeds = read_seeds(root);
  check_axes(sweep);
  return sweep;
}

}  // namespace dropmuon
