// SPDX-License-Identifier: MIT
#include "checkpoint_name.h"

#include <charconv>

#include <fmt/format.h>

namespace dropmuon {
namespace {

constexpr const char* kStepPrefix = "step_";
constexpr const char* kTemporary = ".tmp-";
constexpr const char* kRetired = ".old-";

std::optional<std::int64_t> parse_number(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

}  // namespace

std::string step_name(std::int64_t step) { return fmt::format("{}{:08}", kStepPrefix, step); }

std::string to_text(const CheckpointName& name) {
  if (name.stage == CheckpointStage::finished) return step_name(name.step);
  const char* mark = name.stage == CheckpointStage::temporary ? kTemporary : kRetired;
  return fmt::format("{}{}{}", step_name(name.step), mark, name.process);
}

std::optional<CheckpointName> parse_checkpoint_name(const std::string& text) {
  if (!text.starts_with(kStepPrefix)) return std::nullopt;
  const std::size_t digits = std::string(kStepPrefix).size();
  const std::size_t dot = text.find('.');
  const auto step = parse_number(text.substr(digits, dot - digits));
  if (!step) return std::nullopt;
  CheckpointName name{*step, CheckpointStage::finished, 0};
  if (dot != std::string::npos) {
    const bool retired = text.substr(dot).starts_with(kRetired);
    name.stage = retired ? CheckpointStage::retired : CheckpointStage::temporary;
    name.process = parse_number(text.substr(text.find('-', dot) + 1)).value_or(0);
  }
  // Another spelling of a name is not ours to touch.
  if (to_text(name) != text) return std::nullopt;
  return name;
}

std::optional<std::int64_t> temporary_of(const std::string& text, const std::string& name) {
  const std::string prefix = name + kTemporary;
  if (!text.starts_with(prefix)) return std::nullopt;
  return parse_number(text.substr(prefix.size()));
}

}  // namespace dropmuon
