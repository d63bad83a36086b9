// SPDX-License-Identifier: MIT
// What the end of a run says about layers that took no part.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <dropmuon/training/trainer.h>

namespace dropmuon {

// In a line for a person; empty if all layers took part.
std::string idle_layers(const TrainResult& result);

// The same of the text of a summary.json, which before the first version that had layers says
// nothing of them: empty. None if it is no such document, or what it says of them no such list.
std::optional<std::string> idle_layers_in(const std::string& document);

// What idle_layers() says of several runs, by their names: "layer 1 never moved: never drawn (in a
// and b); ..", each saying once. Empty if all layers took part.
std::string idle_layers_of(const std::vector<std::pair<std::string, std::string>>& runs);

}  // namespace dropmuon
