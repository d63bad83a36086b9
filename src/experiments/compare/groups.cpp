// SPDX-License-Identifier: MIT
#include "groups.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <dropmuon/config/schema.h>
#include <dropmuon/config/text.h>
#include <dropmuon/core/error.h>
#include <dropmuon/core/suggest.h>

namespace dropmuon {
namespace {

namespace fs = std::filesystem;

// Settings that do not decide what a run computes; other data files are a warning of their own.
bool counts_in(const ComparedRun& run, const std::string& key) {
  if (key == "seed" || key == "threads") return false;
  const ConfigKey* declared = config_schema().find_key(key);
  return declared == nullptr ||
         enters_computation(*declared, value_of(run, "train.non_finite.policy"));
}

// Keys in the order of the schema, whose values are not the same in all runs.
std::vector<std::string> differing_keys(const std::vector<ComparedRun>& runs) {
  std::map<std::string, std::pair<std::set<std::string>, std::size_t>> values;
  std::vector<std::string> order;
  for (const ComparedRun& run : runs) {
    for (const auto& [key, value] : run.settings) {
      if (!counts_in(run, key)) continue;
      auto [entry, added] = values.try_emplace(key);
      if (added) order.push_back(key);
      entry->second.first.insert(value);
      ++entry->second.second;
    }
  }
  std::vector<std::string> differing;
  for (const std::string& key : order) {
    const auto& [seen, count] = values[key];
    const auto could = std::count_if(runs.begin(), runs.end(),
                                     [&](const ComparedRun& run) { return counts_in(run, key); });
    if (seen.size() > 1 || std::cmp_less(count, could)) differing.push_back(key);
  }
  return differing;
}

bool contains_run(const ComparedGroup& group, const std::string& folder) {
  std::error_code ignored;
  const std::string wanted = fs::canonical(folder, ignored).string();
  return !wanted.empty() &&
         std::any_of(group.runs.begin(), group.runs.end(), [&](const ComparedRun& run) {
           const std::string path = fs::canonical(run.folder, ignored).string();
           return path == wanted || path.starts_with(wanted + "/");
         });
}

// The one group for which `fits` holds.
template <typename Fits>
std::optional<std::size_t> only_group(const std::vector<ComparedGroup>& groups, const Fits& fits) {
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (!fits(groups[i])) continue;
    if (found) return std::nullopt;
    found = i;
  }
  return found;
}

}  // namespace

std::string value_of(const ComparedRun& run, const std::string& key) {
  for (const auto& [name, value] : run.settings) {
    if (name == key) return value;
  }
  return "";
}

std::vector<ComparedGroup> make_groups(std::vector<ComparedRun> runs) {
  const std::vector<std::string> keys = differing_keys(runs);
  std::vector<ComparedGroup> groups;
  for (ComparedRun& run : runs) {
    std::string label;
    for (const std::string& key : keys) {
      const std::string value = counts_in(run, key) ? value_of(run, key) : "";
      if (value.empty()) continue;  // also a key of a section that is null in this run
      label += fmt::format("{}{}={}", label.empty() ? "" : " ", key, value);
    }
    if (keys.empty()) label = groups.empty() ? run.name : groups.front().label;
    auto group = std::find_if(groups.begin(), groups.end(),
                              [&](const ComparedGroup& g) { return g.label == label; });
    if (group == groups.end()) {
      groups.emplace_back();
      groups.back().label = label;
      group = groups.end() - 1;
    }
    group->runs.push_back(std::move(run));
  }
  return groups;
}

std::size_t find_baseline(const std::vector<ComparedGroup>& groups, const std::string& wanted) {
  if (wanted.empty()) return 0;
  const auto is_label = [&](const ComparedGroup& g) { return g.label == wanted; };
  const auto is_folder = [&](const ComparedGroup& g) { return contains_run(g, wanted); };
  const auto is_name = [&](const ComparedGroup& g) {
    return std::all_of(g.runs.begin(), g.runs.end(),
                       [&](const ComparedRun& run) { return run.name == wanted; });
  };
  const auto is_part = [&](const ComparedGroup& g) {
    return (" " + g.label + " ").find(" " + wanted + " ") != std::string::npos;
  };
  if (const auto found = only_group(groups, is_label)) return *found;
  if (const auto found = only_group(groups, is_folder)) return *found;
  if (const auto found = only_group(groups, is_name)) return *found;
  if (const auto found = only_group(groups, is_part)) return *found;
  std::vector<std::string> labels;
  std::string list;
  for (const ComparedGroup& group : groups) {
    labels.push_back(group.label);
    list += fmt::format("{}'{}'", list.empty() ? "" : ", ", group.label);
  }
  fail(ExitCode::usage, "--baseline '{}' is no one group{}; the groups are {}", one_line(wanted),
       did_you_mean(wanted, labels), list);
}

}  // namespace dropmuon
