// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include <dropmuon/config/config.h>
#include <dropmuon/training/trainer.h>

namespace dropmuon {

// summary.json at the end of a run. `micro_batch` is what auto chose: with the threads it decides
// the rounding.
std::string summary_json(const RunConfig& config, const TrainResult& result, int micro_batch);

}  // namespace dropmuon
