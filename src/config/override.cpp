// SPDX-License-Identifier: MIT
#include "override.h"

#include <vector>

#include <fmt/format.h>

#include <dropmuon/config/schema.h>
#include <dropmuon/config/text.h>
#include <dropmuon/config/yaml_document.h>
#include <dropmuon/core/error.h>
#include <dropmuon/core/suggest.h>

namespace dropmuon {
namespace {

// In a known section only the last name can be wrong; else the whole path is compared.
std::string unknown_override(const std::string& path) {
  const ConfigSchema& schema = config_schema();
  const std::string section = parent_path(path);
  std::string hint;
  if (section.empty() || schema.find_section(section) != nullptr) {
    hint = schema.suggestion(section, last_name(path));
  } else {
    std::vector<std::string> paths;
    for (const ConfigKey& key : schema.keys()) paths.push_back(key.path);
    hint = did_you_mean(path, paths);
    if (hint.empty()) hint = schema.suggestion("", last_name(path));
  }
  return fmt::format("unknown key '{}'{}", one_line(path), hint);
}

// Nothing of the value may be lost: where YAML would leave something out, it is refused.
YamlNode parse_value(const std::string& value) {
  check_config_text(value, TextSource::command_line);
  if (value.find('#') != std::string::npos) {
    throw TextError({},
                    fmt::format("expected a value without a comment, found '{}'", one_line(value)));
  }
  const bool is_document =
      value.starts_with("---") || value.starts_with("...") || value.starts_with('%');
  if (is_document || value.find_first_of("\r\n") != std::string::npos) {
    throw TextError({}, fmt::format("expected one value, found '{}'", one_line(value)));
  }
  return parse_yaml(value);
}

// Whether `value` is one text in quotes from its first letter to its last.
bool is_quoted_whole(const std::string& value) {
  if (value.size() < 2 || (value.front() != '"' && value.front() != '\'')) return false;
  const char quote = value.front();
  for (std::size_t i = 1; i < value.size(); ++i) {
    const bool is_doubled = quote == '\'' && value.compare(i, 2, "''") == 0;
    if (is_doubled || (quote == '"' && value[i] == '\\')) {
      ++i;
    } else if (value[i] == quote) {
      return i == value.size() - 1;
    }
  }
  return false;
}

// YAML folds the lines of a quoted text.
YamlNode parse_value_in_quotes(const std::string& value) {
  if (value.find_first_of("\r\n") != std::string::npos) {
    throw TextError({}, fmt::format("expected a text in one line, found '{}'", one_line(value)));
  }
  return parse_yaml(value);
}

YamlNode text_value(const std::string& value) {
  check_config_text(value, TextSource::command_line);
  if (is_quoted_whole(value)) return parse_value_in_quotes(value);
  return {.kind = YamlKind::scalar, .text = value};
}

void apply_to_section(RunConfig& config, const ConfigSection& section, const Override& item) {
  const YamlNode node = parse_value(item.value);
  if (section.clear && node.kind == YamlKind::null) {
    section.clear(config);
    return;
  }
  const std::string child = config_schema().children(section.path).front();
  fail_override(item, fmt::format("'{}' is a section; set its keys one by one, such as {}=...",
                                  section.path, join_path(section.path, child)));
}

}  // namespace

void fail_override(const Override& item, const std::string& message) {
  fail(ExitCode::bad_config, "override '{}': {}", one_line(item.text), message);
}

Override split_override(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    fail_override({text, "", ""}, "expected key=value, such as optimizer.lr=0.05");
  }
  return {text, text.substr(0, equals), text.substr(equals + 1)};
}

void apply_override(RunConfig& config, const Override& item) {
  const ConfigSchema& schema = config_schema();
  try {
    if (const ConfigSection* section = schema.find_section(item.path)) {
      apply_to_section(config, *section, item);
      return;
    }
    const ConfigKey* key = schema.find_key(item.path);
    if (key == nullptr) {
      check_config_text(item.path, TextSource::command_line);
      check_blanks(item.path);
      fail_override(item, unknown_override(item.path));
    }
    const YamlNode node =
        key->syntax == OverrideSyntax::text ? text_value(item.value) : parse_value(item.value);
    const ConfigSection* parent = schema.find_section(parent_path(item.path));
    if (parent != nullptr && parent->create) parent->create(config);
    key->read(config, node);
  } catch (const TextError& error) {
    fail_override(item, error.what());
  }
}

}  // namespace dropmuon
