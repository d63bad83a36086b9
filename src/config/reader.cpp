// SPDX-License-Identifier: MIT
// From a file and overrides to a RunConfig.
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "override.h"
#include <dropmuon/config/config.h>
#include <dropmuon/config/schema.h>
#include <dropmuon/config/text.h>
#include <dropmuon/config/yaml_document.h>
#include <dropmuon/core/error.h>

namespace dropmuon {
namespace {

void read_key(RunConfig& config, const ConfigKey& key, const YamlNode& node) {
  try {
    key.read(config, node);
  } catch (const TextError& error) {
    throw TextError(error.at(), fmt::format("{}: {}", key.path, error.what()));
  }
}

void read_section(RunConfig& config, const std::string& path, const YamlNode& map) {
  const ConfigSchema& schema = config_schema();
  for (std::size_t i = 0; i < map.keys.size(); ++i) {
    const std::string child = join_path(path, map.keys[i].name);
    const YamlNode& value = map.items[i];
    if (map.keys[i].name.find('.') != std::string::npos) {
      throw TextError(map.keys[i].at,
                      fmt::format("unknown key '{}'; dotted keys are for overrides, a file nests "
                                  "them, as in optimizer: {{lr: 0.1}}",
                                  one_line(child)));
    }
    if (const ConfigKey* key = schema.find_key(child)) {
      read_key(config, *key, value);
      continue;
    }
    const ConfigSection* section = schema.find_section(child);
    if (section == nullptr) {
      throw TextError(map.keys[i].at,
                      fmt::format("unknown key '{}'{}", one_line(child),
                                  path.empty() && is_sweep(map)
                                      ? "; this looks like a sweep: dropmuon sweep FILE"
                                      : schema.suggestion(path, map.keys[i].name)));
    }
    if (section->clear && value.kind == YamlKind::null) {
      section->clear(config);
      continue;
    }
    if (value.kind != YamlKind::map) {
      throw TextError(value.at, fmt::format("{}: expected a map of keys, found {}; leave the "
                                            "section out to keep its defaults",
                                            child, describe(value)));
    }
    if (section->create) section->create(config);
    read_section(config, child, value);
  }
}

void read_document(RunConfig& config, const YamlNode& root) {
  if (root.kind != YamlKind::map) {
    throw TextError(root.at,
                    fmt::format("expected keys such as 'optimizer:', found {}", describe(root)));
  }
  read_section(config, "", root);
}

// The place to blame for a problem of several keys: the last override of the key or of a
// neighbour in its section, else the key in the file, else the nearest section around it.
[[noreturn]] void fail_problem(const ConfigProblem& problem, const YamlNode& root,
                               const std::vector<Override>& overrides) {
  for (auto item = overrides.rbegin(); item != overrides.rend(); ++item) {
    if (item->path == problem.path) fail_override(*item, problem.message);
  }
  const YamlNode* node = &root;
  std::size_t begin = 0;
  while (begin != std::string::npos) {
    const std::size_t dot = problem.path.find('.', begin);
    const YamlNode* child = find_item(*node, problem.path.substr(begin, dot - begin));
    if (child == nullptr) break;
    node = child;
    begin = dot == std::string::npos ? dot : dot + 1;
  }
  const std::string section = parent_path(problem.path);
  for (auto item = overrides.rbegin(); begin != std::string::npos && item != overrides.rend();
       ++item) {
    if (parent_path(item->path) == section) fail_override(*item, problem.message);
  }
  throw TextError(node->at, fmt::format("{}: {}", problem.path, problem.message));
}

}  // namespace

RunConfig load_config(const std::string& path, const std::vector<std::string>& overrides) {
  const std::string text = read_config_text(path);
  try {
    RunConfig config;
    const YamlNode root = parse_yaml(text);
    read_document(config, root);
    std::vector<Override> items;
    for (const std::string& item : overrides) {
      items.push_back(split_override(item));
      apply_override(config, items.back());
    }
    if (const auto problem = find_problem(config)) fail_problem(*problem, root, items);
    return config;
  } catch (const TextError& error) {
    throw error_at(path, text, error);
  }
}

}  // namespace dropmuon
