// SPDX-License-Identifier: MIT
// One function per kind of key. `access` maps a RunConfig& to a reference to the key's field, for
// const and mutable configs alike; DM_FIELD writes it.
#pragma once

#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <dropmuon/config/schema.h>
#include <dropmuon/config/value.h>
#include <dropmuon/core/error.h>
#include <dropmuon/core/path_text.h>

// Expands to the accessor of a field: DM_FIELD(experiment.optimizer.lr).
#define DM_FIELD(path) \
  [](auto& config) -> auto& { return config.path; }

namespace dropmuon {

template <typename Access>
using FieldType = std::remove_cvref_t<std::invoke_result_t<Access, RunConfig&>>;

template <typename T>
struct IsOptional : std::false_type {};
template <typename T>
struct IsOptional<std::optional<T>> : std::true_type {};

// A key that decides nothing of what is computed: where it is read from or written to, how often.
inline ConfigKey beside(ConfigKey key) {
  key.enters = Enters::nothing;
  return key;
}

// One that decides nothing either, unless the run may go back to a state that was saved.
inline ConfigKey beside_rollbacks(ConfigKey key) {
  key.enters = Enters::rollbacks;
  return key;
}

// Integers, and optional ones that may be null.
template <typename Access>
ConfigKey integer_key(std::string path, IntegerRange range, std::string help, Access access) {
  using Field = FieldType<Access>;
  if constexpr (IsOptional<Field>::value) range.word_for_zero = "null";
  auto read = [range, access](RunConfig& config, const YamlNode& node) {
    if constexpr (IsOptional<Field>::value) {
      if (is_word(node, "null")) {
        access(config).reset();
      } else {
        access(config) = read_integer<typename Field::value_type>(node, range);
      }
    } else {
      access(config) = read_integer<Field>(node, range);
    }
  };
  auto print = [range, access](const RunConfig& config) -> std::string {
    if constexpr (IsOptional<Field>::value) {
      return access(config) ? std::to_string(*access(config)) : "null";
    } else {
      const Field value = access(config);
      return value == 0 && !range.word_for_zero.empty() ? range.word_for_zero
                                                        : std::to_string(value);
    }
  };
  return {std::move(path), range.text(), std::move(help), read, print};
}

template <typename Access>
ConfigKey number_key(std::string path, NumberRange range, std::string help, Access access) {
  auto read = [range, access](RunConfig& config, const YamlNode& node) {
    access(config) = read_number(node, range);
  };
  auto print = [access](const RunConfig& config) { return print_number(access(config)); };
  return {std::move(path), range.text(), std::move(help), read, print};
}

// bool, or an enum whose `no` is 0 and `yes` is 1.
template <typename Access>
ConfigKey flag_key(std::string path, std::string help, Access access) {
  auto read = [access](RunConfig& config, const YamlNode& node) {
    access(config) = static_cast<FieldType<Access>>(read_flag(node));
  };
  auto print = [access](const RunConfig& config) -> std::string {
    return static_cast<bool>(access(config)) ? "true" : "false";
  };
  return {std::move(path), "true or false", std::move(help), read, print};
}

// `error` says what is wrong with a text, "" if nothing is.
struct TextRule {
  std::string allowed;
  std::string (*error)(const std::string& text);
};

template <typename Access>
ConfigKey text_key(std::string path, TextRule rule, std::string help, Access access) {
  auto read = [rule, access](RunConfig& config, const YamlNode& node) {
    std::string text = read_text(node);
    const std::string error = rule.error(text);
    if (!error.empty()) throw TextError(node.at, with_unseen_named(error));
    access(config) = std::move(text);
  };
  auto print = [access](const RunConfig& config) { return print_text(access(config)); };
  return {.path = std::move(path),
          .allowed = rule.allowed,
          .help = std::move(help),
          .read = read,
          .print = print,
          .syntax = OverrideSyntax::text};
}

// "" for the text of a path that can be written back and read again.
std::string path_error(const std::string& what, const std::string& path);

// A path, `~/` expanded. An optional one may be null.
template <typename Access>
ConfigKey path_key(std::string path, std::string what, std::string help, Access access) {
  using Field = FieldType<Access>;
  auto read = [what, access](RunConfig& config, const YamlNode& node) {
    if constexpr (IsOptional<Field>::value) {
      if (is_word(node, "null")) {
        access(config).reset();
        return;
      }
    }
    const PathText expanded = expand_path(read_text(node));
    std::string error = path_error(what, expanded.path);
    if (!expanded.problem.empty()) {
      error = fmt::format("expected {}, found '{}': {}", what, one_line(expanded.path),
                          expanded.problem);
    }
    if (!error.empty()) throw TextError(node.at, error);
    access(config) = expanded.path;
  };
  auto print = [access](const RunConfig& config) -> std::string {
    if constexpr (IsOptional<Field>::value) {
      return access(config) ? print_text(*access(config)) : "null";
    } else {
      return print_text(access(config));
    }
  };
  return {.path = std::move(path),
          .allowed = IsOptional<Field>::value ? "null or " + what : what,
          .help = std::move(help),
          .read = read,
          .print = print,
          .syntax = OverrideSyntax::text};
}

// The words of an enum, in the order in which messages list them.
template <typename E>
using Words = std::vector<std::pair<E, std::string>>;

template <typename E, typename Access>
ConfigKey choice_key(std::string path, Words<E> words, std::string help, Access access) {
  std::vector<std::string> names;
  for (const auto& entry : words) names.push_back(entry.second);
  const std::string allowed = join(names, " | ");
  auto read = [words, names, access](RunConfig& config, const YamlNode& node) {
    const std::string word = read_choice(node, names);
    for (const auto& [value, name] : words) {
      if (name == word) access(config) = value;
    }
  };
  auto print = [words, path, access](const RunConfig& config) -> std::string {
    for (const auto& [value, name] : words) {
      if (value == access(config)) return name;
    }
    fail(ExitCode::internal, "{}: a value without a word", path);
  };
  return {std::move(path), allowed, std::move(help), read, print};
}

template <typename Access>
ConfigKey integers_key(std::string path, IntegerListRule rule, std::string help, Access access) {
  auto read = [rule, access](RunConfig& config, const YamlNode& node) {
    access(config) = read_integers(node, rule);
  };
  auto print = [rule, access](const RunConfig& config) {
    std::vector<std::string> items;
    for (const int value : access(config)) items.push_back(std::to_string(value));
    const bool single = rule.form == ListForm::list_or_single && items.size() == 1;
    return single ? items.front() : print_list(items);
  };
  return {std::move(path), rule.text(), std::move(help), read, print};
}

}  // namespace dropmuon
