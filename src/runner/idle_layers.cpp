// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <dropmuon/runner/idle_layers.h>

namespace dropmuon {
namespace {

// "1", "1, 2 and 5", "a, b and 7 more"
template <typename Item>
std::string listed(const std::vector<Item>& items, std::size_t most) {
  const std::size_t shown = items.size() > most ? most : items.size();
  std::string text;
  for (std::size_t i = 0; i < shown; ++i) {
    const bool last = i + 1 == items.size();
    text += fmt::format("{}{}", i == 0 ? "" : last ? " and " : ", ", items[i]);
  }
  return shown == items.size() ? text : fmt::format("{} and {} more", text, items.size() - shown);
}

std::string named(const std::vector<int>& layers) {
  return fmt::format("{} {}", layers.size() == 1 ? "layer" : "layers",
                     listed(layers, layers.size()));
}

// Numbers count from 1, and each of `unmoved` has its entry in `updates`.
struct IdleLayers {
  std::vector<int> unmoved;
  std::vector<int> bias_only;
  std::vector<int> silent;
  std::vector<std::int64_t> updates;
};

std::string text_of(const IdleLayers& idle) {
  std::vector<int> undrawn;
  std::vector<int> stuck;
  for (const int layer : idle.unmoved) {
    const bool drawn = idle.updates[static_cast<std::size_t>(layer) - 1] > 0;
    (drawn ? stuck : undrawn).push_back(layer);
  }
  std::string text;
  const auto add = [&](const std::vector<int>& layers, const char* what) {
    if (layers.empty()) return;
    text += fmt::format("{}{} {}", text.empty() ? "" : "; ", named(layers), what);
  };
  add(undrawn, "never moved: never drawn");
  add(stuck, "never moved: every update was zero");
  add(idle.silent, "put out nothing but zeros on the test set");
  add(idle.bias_only, "moved in biases alone: every update of weights was zero");
  return text;
}

// Empty if the list is not there, none if it is no list of whole numbers.
template <typename Number>
std::optional<std::vector<Number>> numbers_at(const nlohmann::json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end()) return std::vector<Number>();
  if (!found->is_array()) return std::nullopt;
  std::vector<Number> numbers;
  for (const nlohmann::json& entry : *found) {
    if (!entry.is_number_integer()) return std::nullopt;
    numbers.push_back(entry.get<Number>());
  }
  return numbers;
}

}  // namespace

std::string idle_layers(const TrainResult& result) {
  return text_of({.unmoved = result.unmoved_layers,
                  .bias_only = result.bias_only_layers,
                  .silent = result.silent_layers,
                  .updates = result.layer_updates});
}

std::optional<std::string> idle_layers_in(const std::string& document) {
  const auto summary = nlohmann::json::parse(document, nullptr, false);
  if (!summary.is_object()) return std::nullopt;
  const auto unmoved = numbers_at<int>(summary, "unmoved_layers");
  const auto bias_only = numbers_at<int>(summary, "bias_only_layers");
  const auto updates = numbers_at<std::int64_t>(summary, "layer_updates");
  const auto silent = numbers_at<int>(summary, "silent_layers");
  if (!unmoved || !bias_only || !updates || !silent) return std::nullopt;
  const bool fits = std::all_of(unmoved->begin(), unmoved->end(), [&](int layer) {
    return layer >= 1 && std::cmp_less_equal(layer, updates->size());
  });
  if (!fits) return std::nullopt;
  return text_of(
      {.unmoved = *unmoved, .bias_only = *bias_only, .silent = *silent, .updates = *updates});
}

std::string idle_layers_of(const std::vector<std::pair<std::string, std::string>>& runs) {
  constexpr std::size_t kTexts = 4;
  constexpr std::size_t kNames = 6;  // more would bury what they are named for
  std::vector<std::string> texts;
  std::map<std::string, std::vector<std::string>> names;
  for (const auto& [name, text] : runs) {
    if (text.empty()) continue;
    if (!names.contains(text)) texts.push_back(text);
    names[text].push_back(name);
  }
  std::string line;
  for (std::size_t i = 0; i < std::min(kTexts, texts.size()); ++i) {
    line +=
        fmt::format("{}{} (in {})", i == 0 ? "" : "; ", texts[i], listed(names[texts[i]], kNames));
  }
  if (texts.size() > kTexts) {
    line += fmt::format("; and the like in runs of {} other kinds", texts.size() - kTexts);
  }
  return line;
}

}  // namespace dropmuon
