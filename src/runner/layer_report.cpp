// SPDX-License-Identifier: MIT
#include "layer_report.h"

#include <optional>
#include <vector>

#include <fmt/format.h>

namespace dropmuon {
namespace {

template <typename Value>
nlohmann::ordered_json json_of(const std::optional<Value>& value) {
  if (!value) return nullptr;
  return *value;
}

// "layer 2", "layers 1, 2 and 5"
std::string listed(const std::vector<int>& layers) {
  std::string text = layers.size() == 1 ? "layer" : "layers";
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const bool last = i + 1 == layers.size();
    text += fmt::format("{} {}", i == 0 ? "" : last ? " and" : ",", layers[i]);
  }
  return text;
}

}  // namespace

void add_layers(const TrainResult& result, nlohmann::ordered_json& json) {
  auto ratios = nlohmann::ordered_json::array();
  auto ages = nlohmann::ordered_json::array();
  for (const LayerMetrics& layer : result.layers) {
    ratios.push_back(json_of(layer.update_ratio));
    ages.push_back(json_of(layer.steps_since_update));
  }
  json["update_ratios"] = ratios;
  json["steps_since_update"] = ages;
  json["unmoved_layers"] = result.unmoved_layers;
  if (result.status == TrainStatus::done) json["silent_layers"] = result.silent_layers;
}

std::string idle_layers(const TrainResult& result) {
  std::vector<int> undrawn;
  std::vector<int> stuck;
  for (const int layer : result.unmoved_layers) {
    const bool drawn = result.layer_updates[static_cast<std::size_t>(layer) - 1] > 0;
    (drawn ? stuck : undrawn).push_back(layer);
  }
  std::string text;
  const auto add = [&](const std::vector<int>& layers, const char* what) {
    if (layers.empty()) return;
    text += fmt::format("{}{} {}", text.empty() ? "" : "; ", listed(layers), what);
  };
  add(undrawn, "never moved: never drawn");
  add(stuck, "never moved: every update was zero");
  add(result.silent_layers, "put out nothing but zeros on the test set");
  return text;
}

}  // namespace dropmuon
