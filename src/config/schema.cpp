// SPDX-License-Identifier: MIT
// The sections and the keys of the file itself and of `data`; config_schema_*.cpp hold the rest.
#include <algorithm>
#include <cstdint>
#include <utility>

#include "keys.h"
#include <dropmuon/config/schema.h>
#include <dropmuon/core/suggest.h>

namespace dropmuon {
namespace {

std::vector<ConfigSection> sections() {
  return {
      {"data", "What is learned."},
      {"data.augment", "Random changes to the training images."},
      {"model", "What is trained."},
      {"optimizer", "How the drawn layers move."},
      {"optimizer.newton_schulz", "Orthogonalization of spectral norms."},
      {"optimizer.lmo", "The norm of each kind of parameter."},
      {"sampling", "Which layers are drawn in a step."},
      {"schedule", "The factor on the learning rate over the run."},
      {"train", "How long to train, in what pieces, and when to look."},
      {"train.target", "The quality whose first time of reaching is reported; null: none.",
       [](const RunConfig& c) { return c.experiment.train.target.has_value(); },
       [](RunConfig& c) {
         if (!c.experiment.train.target) c.experiment.train.target.emplace();
       },
       [](RunConfig& c) { c.experiment.train.target.reset(); }},
      {"train.non_finite", "What to do about a loss or gradient that is not finite."},
      {"checkpoint", "Saved states, from which `train --resume` goes on."},
      {"log", "What is written beside metrics.csv and metrics.jsonl."},
  };
}

std::string name_error(const std::string& name) {
  constexpr std::string_view kFirst =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  const std::string allowed = std::string(kFirst) + ".-";
  constexpr std::size_t kMaxName = 100;
  if (!name.empty() && name.size() <= kMaxName && kFirst.find(name.front()) != kFirst.npos &&
      name.find_first_not_of(allowed) == std::string::npos) {
    return "";
  }
  return fmt::format(
      "expected a folder name of 1 to {} letters, digits, '_', '-' and '.', not starting with '-' "
      "or '.'; found '{}'",
      kMaxName, one_line(name));
}

std::string dataset_error(const std::string& name) {
  const std::vector<std::string>& names = dataset_names();
  if (std::find(names.begin(), names.end(), name) != names.end()) return "";
  return fmt::format("expected one of {}, found '{}'{}", join(names, ", "), one_line(name),
                     did_you_mean(name, names));
}

}  // namespace

std::string path_error(const std::string& what, const std::string& path) {
  if (path.empty()) return fmt::format("expected {}, found an empty text", what);
  const bool has_control = std::any_of(path.begin(), path.end(), [](char letter) {
    return static_cast<unsigned char>(letter) < 0x20 || letter == 0x7F;
  });
  return has_control ? fmt::format("expected {}, found a text with control characters", what) : "";
}

std::vector<ConfigKey> general_keys() {
  return {
      beside(text_key("name", {"letters, digits, _ - .", name_error},
                      "Names the run's folder below runs_dir.", DM_FIELD(name))),
      beside(path_key("runs_dir", "a folder", "Where run folders are made.", DM_FIELD(runs_dir))),
      integer_key("seed", {0, UINT64_MAX}, "Starts every random stream of the run.",
                  DM_FIELD(experiment.seed)),
      integer_key("threads", {1, 4096, "auto"},
                  "Processor threads; auto: one per processor this process may use.",
                  DM_FIELD(device.threads)),
      text_key("device", {join(device_names(), " | "), device_name_error},
               "What computes; auto takes a GPU if one is usable. A GPU's number follows a colon.",
               DM_FIELD(device.device)),
      choice_key<Precision>(
          "precision",
          {{Precision::fp32, "fp32"}, {Precision::tf32, "tf32"}, {Precision::bf16, "bf16"}},
          "Arithmetic of convolutions and products; tf32 and bf16 need a GPU. Weights stay fp32.",
          DM_FIELD(device.precision)),
      flag_key("graphs",
               "On a GPU, record the step of each set of layers once (at most 64) and replay it.",
               DM_FIELD(device.graphs)),
      text_key("data.dataset", {join(dataset_names(), " | "), dataset_error}, "The data set.",
               DM_FIELD(experiment.data.dataset)),
      // What is in it is checked by the hashes of its files.
      beside(path_key("data.root", "a folder", "The folder that holds one folder per data set.",
                      DM_FIELD(experiment.data.root))),
      integer_key("data.train_limit", {1, 1'000'000'000, "null"},
                  "Train on the first N training images only; null: on all.",
                  DM_FIELD(experiment.data.train_limit)),
      integer_key("data.augment.crop", {0, 16},
                  "Pad by this many pixels on each side, then crop at random; 0: off.",
                  DM_FIELD(experiment.augment.crop)),
      flag_key("data.augment.flip", "Mirror left to right with probability 1/2.",
               DM_FIELD(experiment.augment.flip)),
  };
}

ConfigSchema::ConfigSchema(std::vector<ConfigSection> sections, std::vector<ConfigKey> keys)
    : sections_(std::move(sections)), keys_(std::move(keys)) {}

const ConfigKey* ConfigSchema::find_key(const std::string& path) const {
  const auto found = std::find_if(keys_.begin(), keys_.end(),
                                  [&](const ConfigKey& key) { return key.path == path; });
  return found == keys_.end() ? nullptr : &*found;
}

const ConfigSection* ConfigSchema::find_section(const std::string& path) const {
  const auto found = std::find_if(sections_.begin(), sections_.end(),
                                  [&](const ConfigSection& s) { return s.path == path; });
  return found == sections_.end() ? nullptr : &*found;
}

std::vector<std::string> ConfigSchema::children(const std::string& section) const {
  const std::string prefix = section.empty() ? "" : section + ".";
  std::vector<std::string> names;
  for (const ConfigKey& key : keys_) {
    if (!key.path.starts_with(prefix)) continue;
    const std::size_t dot = key.path.find('.', prefix.size());
    std::string name = key.path.substr(prefix.size(), dot - prefix.size());
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

std::string ConfigSchema::suggestion(const std::string& section, const std::string& name) const {
  const std::vector<std::string> siblings = children(section);
  const std::string near = did_you_mean(name, siblings);
  if (!near.empty()) return near;
  for (const ConfigKey& key : keys_) {
    if (last_name(key.path) == name) return fmt::format("; did you mean '{}'?", key.path);
  }
  return fmt::format("; the keys here are {}", join(siblings, ", "));
}

const ConfigSchema& config_schema() {
  static const ConfigSchema schema = [] {
    std::vector<ConfigKey> keys;
    for (const auto part : {general_keys, model_keys, optimizer_keys, sampling_keys, train_keys}) {
      for (ConfigKey& key : part()) keys.push_back(std::move(key));
    }
    return ConfigSchema(sections(), std::move(keys));
  }();
  return schema;
}

bool is_sweep(const YamlNode& root) {
  return find_item(root, "base") != nullptr || find_item(root, "cases") != nullptr;
}

std::string join_path(const std::string& section, const std::string& name) {
  return section.empty() ? name : section + "." + name;
}

std::string parent_path(const std::string& path) {
  const std::size_t dot = path.rfind('.');
  return dot == std::string::npos ? "" : path.substr(0, dot);
}

std::string last_name(const std::string& path) { return path.substr(path.rfind('.') + 1); }

std::string key_meant_by(const std::string& word) {
  std::string name = word;
  std::replace(name.begin(), name.end(), '-', '_');
  if (config_schema().find_key(name) != nullptr) return name;
  for (const ConfigKey& key : config_schema().keys()) {
    if (last_name(key.path) == name) return key.path;
  }
  return "";
}

}  // namespace dropmuon
