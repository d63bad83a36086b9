// SPDX-License-Identifier: MIT
// What the end of a run says about its layers.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <dropmuon/training/trainer.h>

namespace dropmuon {

// Into summary.json: update_ratios and steps_since_update with one entry per layer, null where
// there is none; unmoved_layers, bias_only_layers and, of a run that is done, silent_layers:
// numbers from 1.
void add_layers(const TrainResult& result, nlohmann::ordered_json& json);

// Layers that took no part, in a line for a person; empty if all did.
std::string idle_layers(const TrainResult& result);

// The same of a summary.json, which before the first version that had layers says nothing of them:
// empty. None if what it says of them is no such list.
std::optional<std::string> idle_layers_in(const nlohmann::json& summary);

// What idle_layers() says of several runs, by their names: "layer 1 never moved: never drawn (in a
// and b); ..", each saying once. Empty if all layers took part.
std::string idle_layers_of(const std::vector<std::pair<std::string, std::string>>& runs);

}  // namespace dropmuon
