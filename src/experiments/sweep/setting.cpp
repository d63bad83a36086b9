// SPDX-License-Identifier: MIT
#include "setting.h"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include <dropmuon/config/schema.h>
#include <dropmuon/config/text.h>
#include <dropmuon/core/suggest.h>

namespace dropmuon {
namespace {

enum class Entries { settings, axes };

// "" if the key may be set in a sweep.
std::string owned_by_sweep(const std::string& path) {
  static const std::map<std::string, std::string> kOwned = {
      {"name", "the jobs of a sweep are named after its cases and axes; leave it out"},
      {"runs_dir", "write runs_dir at the top of the sweep file"},
      {"seed", "write seeds: [0, 1, 2] at the top of the sweep file"}};
  const auto found = kOwned.find(path);
  return found == kOwned.end() ? "" : found->second;
}

std::string unknown_key(const std::string& path) {
  const ConfigSchema& schema = config_schema();
  std::vector<std::string> paths;
  for (const ConfigKey& key : schema.keys()) paths.push_back(key.path);
  std::string hint = did_you_mean(path, paths);
  if (hint.empty()) {
    const std::string parent = parent_path(path);
    const bool known = schema.find_section(parent) != nullptr;
    hint = schema.suggestion(known ? parent : "", last_name(path));
  }
  return fmt::format("unknown key '{}'{}", one_line(path), hint);
}

class Reader {
 public:
  explicit Reader(Entries entries) : entries_(entries) {}

  void read(const YamlNode& map, const std::string& section) {
    for (std::size_t i = 0; i < map.keys.size(); ++i) {
      const std::string path = join_path(section, map.keys[i].name);
      read_entry({path, map.keys[i].at, map.items[i]});
    }
  }
  std::vector<SweepSetting> take() { return std::move(settings_); }

 private:
  void read_entry(SweepSetting entry) {
    const std::string owned = owned_by_sweep(entry.path);
    if (!owned.empty()) {
      throw TextError(entry.at, fmt::format("'{}' belongs to the sweep: {}", entry.path, owned));
    }
    const ConfigSchema& schema = config_schema();
    if (const ConfigSection* section = schema.find_section(entry.path)) {
      read_section(*section, std::move(entry));
      return;
    }
    if (schema.find_key(entry.path) == nullptr) throw TextError(entry.at, unknown_key(entry.path));
    if (entries_ == Entries::settings) canonical_value(entry.path, entry.value);
    add(std::move(entry));
  }

  void read_section(const ConfigSection& section, SweepSetting entry) {
    if (entry.value.kind == YamlKind::map && !entry.value.keys.empty()) {
      read(entry.value, entry.path);
      return;
    }
    const bool clears = section.clear && is_null(entry.value) && entries_ == Entries::settings;
    if (!clears) {
      throw TextError(
          entry.value.at,
          fmt::format("'{}' is a section; set its keys one by one, such as {}: ...", entry.path,
                      join_path(entry.path, config_schema().children(entry.path).front())));
    }
    add(std::move(entry));
  }

  static bool is_null(const YamlNode& node) { return node.kind == YamlKind::null; }

  void add(SweepSetting entry) {
    const auto first = std::find_if(settings_.begin(), settings_.end(),
                                    [&](const SweepSetting& s) { return s.path == entry.path; });
    if (first != settings_.end()) {
      throw TextError(entry.at, fmt::format("duplicate key '{}'; it is already set on line {}",
                                            entry.path, first->at.line + 1));
    }
    settings_.push_back(std::move(entry));
  }

  Entries entries_;
  std::vector<SweepSetting> settings_;
};

std::vector<SweepSetting> read_entries(const YamlNode& map, Entries entries) {
  Reader reader(entries);
  reader.read(map, "");
  return reader.take();
}

}  // namespace

std::vector<SweepSetting> read_settings(const YamlNode& map) {
  return read_entries(map, Entries::settings);
}

std::vector<SweepSetting> read_axis_entries(const YamlNode& map) {
  return read_entries(map, Entries::axes);
}

void apply_setting(RunConfig& config, const SweepSetting& setting) {
  const ConfigSchema& schema = config_schema();
  if (const ConfigSection* section = schema.find_section(setting.path)) {
    section->clear(config);
    return;
  }
  const ConfigSection* parent = schema.find_section(parent_path(setting.path));
  if (parent != nullptr && parent->create) parent->create(config);
  try {
    schema.find_key(setting.path)->read(config, setting.value);
  } catch (const TextError& error) {
    throw TextError(error.at(), fmt::format("{}: {}", setting.path, error.what()));
  }
}

std::string canonical_value(const std::string& path, const YamlNode& value) {
  RunConfig scratch;
  apply_setting(scratch, {path, value.at, value});
  return config_schema().find_key(path)->print(scratch);
}

std::string as_override(const RunConfig& config, const std::string& path) {
  const ConfigSchema& schema = config_schema();
  const auto absent = [&](const ConfigSection* section) {
    return section != nullptr && section->present && !section->present(config);
  };
  if (const ConfigSection* section = schema.find_section(path)) {
    return absent(section) ? path + "=null" : "";
  }
  if (absent(schema.find_section(parent_path(path)))) return "";
  return fmt::format("{}={}", path, schema.find_key(path)->print(config));
}

}  // namespace dropmuon
