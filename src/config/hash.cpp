// SPDX-License-Identifier: MIT
// The name of what a configuration computes. Keys that say where it is written, and values that are
// the default anyway, do not enter: a key that a later version adds leaves old names as they are.
#include <algorithm>
#include <string>
#include <vector>

#include <dropmuon/config/config.h>
#include <dropmuon/config/schema.h>
#include <dropmuon/core/sha256.h>

namespace dropmuon {
namespace {

std::string short_hash(const std::string& text) { return sha256(text).substr(0, 8); }

// A section that may be null and is not: its keys are held against those of a new one.
void complete(RunConfig& defaults, const ConfigSection* section) {
  if (section != nullptr && section->create) section->create(defaults);
}

}  // namespace

bool enters_computation(const ConfigKey& key, const std::string& policy) {
  return key.enters == Enters::computation ||
         (key.enters == Enters::rollbacks && policy == "rollback");
}

bool enters_computation(const ConfigKey& key, const RunConfig& config) {
  const NonFinite policy = config.experiment.train.non_finite.policy;
  return enters_computation(key, policy == NonFinite::rollback ? "rollback" : "");
}

std::string config_hash(const RunConfig& config) {
  const ConfigSchema& schema = config_schema();
  std::vector<std::string> lines;
  for (const ConfigKey& key : schema.keys()) {
    if (!enters_computation(key, config)) continue;
    const ConfigSection* section = schema.find_section(parent_path(key.path));
    if (section != nullptr && section->present && !section->present(config)) continue;
    RunConfig defaults;
    complete(defaults, section);
    const std::string value = key.print(config);
    if (value != key.print(defaults)) lines.push_back(key.path + "=" + value + "\n");
  }
  std::sort(lines.begin(), lines.end());
  std::string text;
  for (const std::string& line : lines) text += line;
  return short_hash(text);
}

ConfigHashes config_hashes(const RunConfig& config, const std::string& text) {
  return {.own = config_hash(config), .of_text = short_hash(text)};
}

}  // namespace dropmuon
