// SPDX-License-Identifier: MIT
#include "summary.h"

#include <optional>

#include <nlohmann/json.hpp>

namespace dropmuon {
namespace {

template <typename Value>
nlohmann::ordered_json json_of(const std::optional<Value>& value) {
  if (!value) return nullptr;
  return *value;
}

// One entry per layer, null where there is none; numbers of layers count from 1.
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
  json["bias_only_layers"] = result.bias_only_layers;
  if (result.status == TrainStatus::done) json["silent_layers"] = result.silent_layers;
}

}  // namespace

std::string summary_json(const RunConfig& config, const TrainResult& result, int micro_batch) {
  nlohmann::ordered_json json;
  json["name"] = config.name;
  json["status"] = name_of(result.status);
  json["micro_batch"] = micro_batch;
  if (result.paused_seconds > 0.0) json["time/paused_s"] = result.paused_seconds;
  for (std::size_t i = 0; i < kMetricCount; ++i) {
    const auto metric = static_cast<Metric>(i);
    if (!result.last.has(metric)) continue;
    if (is_counter(metric)) {
      json[name_of(metric)] = static_cast<std::int64_t>(result.last[metric]);
    } else {
      json[name_of(metric)] = result.last[metric];
    }
  }
  if (!result.problem.empty()) json["problem"] = result.problem;
  if (result.skipped_steps > 0) json["skipped_steps"] = result.skipped_steps;
  if (result.rollbacks > 0) json["rollbacks"] = result.rollbacks;
  json["best/test/accuracy"] = result.best_test_accuracy;
  if (config.experiment.train.target) {
    json["target/value"] = config.experiment.train.target->value;
    json["target/reached"] = result.target.has_value();
  }
  if (result.target) {
    json["target/step"] = result.target->step;
    json["target/samples"] = result.target->samples;
    json["target/train_s"] = result.target->seconds;
    json["target/flops"] = result.target->flops;
  }
  json["layer_updates"] = result.layer_updates;
  json["start_counts"] = result.start_counts;
  add_layers(result, json);
  return json.dump(2) + "\n";
}

}  // namespace dropmuon
