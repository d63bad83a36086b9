// SPDX-License-Identifier: MIT
// What the end of a run says about its layers.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include <dropmuon/training/trainer.h>

namespace dropmuon {

// Into summary.json: update_ratios and steps_since_update with one entry per layer, null where
// there is none; unmoved_layers and, of a run that is done, silent_layers: numbers from 1.
void add_layers(const TrainResult& result, nlohmann::ordered_json& json);

// Layers that took no part, in a line for a person; empty if all did.
std::string idle_layers(const TrainResult& result);

}  // namespace dropmuon
