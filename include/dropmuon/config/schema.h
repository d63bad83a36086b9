// SPDX-License-Identifier: MIT
// The declaration of every key. Reading, overrides, printing, the reference page and the spelling
// suggestions all follow from this table; defaults are those of a default-constructed RunConfig.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <dropmuon/config/config.h>
#include <dropmuon/config/yaml_document.h>

namespace dropmuon {

// Whether a key decides what is computed, and so belongs to config_hash(), or only where it is
// written and how often. rollbacks: it decides when something is saved or looked at, and so, with
// train.non_finite.policy rollback alone, when a run goes back, and to which state.
enum class Enters { computation, rollbacks, nothing };

// What stands behind `=` in an override: YAML, or a text as it is.
enum class OverrideSyntax { yaml, text };

struct ConfigKey {
  std::string path;     // "optimizer.lr"
  std::string allowed;  // "number > 0"
  std::string help;
  std::function<void(RunConfig&, const YamlNode&)> read;  // throws TextError
  std::function<std::string(const RunConfig&)> print;
  Enters enters = Enters::computation;
  OverrideSyntax syntax = OverrideSyntax::yaml;
};

// A map of keys. One that may also be null says how; `present` is empty for all others.
struct ConfigSection {
  std::string path;
  std::string help;
  std::function<bool(const RunConfig&)> present = {};
  std::function<void(RunConfig&)> create = {};  // keeps what is there
  std::function<void(RunConfig&)> clear = {};
};

class ConfigSchema {
 public:
  ConfigSchema(std::vector<ConfigSection> sections, std::vector<ConfigKey> keys);
  const std::vector<ConfigKey>& keys() const { return keys_; }
  const ConfigKey* find_key(const std::string& path) const;
  const ConfigSection* find_section(const std::string& path) const;

  // Names directly below a section ("" is the file itself), in the order of the declaration.
  std::vector<std::string> children(const std::string& section) const;

  // "; did you mean 'optimizer.lr'?" for a name that no key of `section` has, or the list of the
  // names there are.
  std::string suggestion(const std::string& section, const std::string& name) const;

 private:
  std::vector<ConfigSection> sections_;
  std::vector<ConfigKey> keys_;
};

const ConfigSchema& config_schema();

// Whether the key decides what a run of this configuration computes.
bool enters_computation(const ConfigKey& key, const RunConfig& config);
// The same of a run whose train.non_finite.policy is `policy`.
bool enters_computation(const ConfigKey& key, const std::string& policy);

// Whether a document is a sweep's: those have a base, of their own or in their cases, and
// configurations have neither key.
bool is_sweep(const YamlNode& root);

std::string join_path(const std::string& section, const std::string& name);
std::string parent_path(const std::string& path);  // "" for a name without a dot
std::string last_name(const std::string& path);

// The parts of the table, one function per group of sections.
std::vector<ConfigKey> general_keys();
std::vector<ConfigKey> model_keys();
std::vector<ConfigKey> optimizer_keys();
std::vector<ConfigKey> sampling_keys();
std::vector<ConfigKey> train_keys();

// Values that are fine alone and wrong together.
struct ConfigProblem {
  std::string path;
  std::string message;
};
std::optional<ConfigProblem> find_problem(const RunConfig& config);

}  // namespace dropmuon
