// SPDX-License-Identifier: MIT
// What a run will cost, before it is run.
#pragma once

#include <string>
#include <vector>

#include <dropmuon/config/config.h>
#include <dropmuon/dataset/dataset.h>
#include <dropmuon/engine/cost.h>

namespace dropmuon {

struct PlannedLayer {
  std::string output;  // "(14, 14, 64)"
  std::size_t parameters = 0;
  LayerCost cost;  // per image
};

// Cost of a step that starts at layer s, per image.
struct PlannedStart {
  double flops = 0.0;
  double share = 1.0;  // of a full step
  double saved_bytes = 0.0;
};

struct PlannedScheme {
  std::string name;
  double mean_flops = 0.0;  // per image and step
  double speed_up = 1.0;    // full / mean
};

struct Plan {
  DatasetInfo data;  // of the files, or of the official ones where they are not here
  std::vector<PlannedLayer> layers;
  std::vector<PlannedStart> starts;    // s = 0 .. depth-1
  std::vector<PlannedScheme> schemes;  // every sampling scheme, the configured one first
  std::size_t parameters = 0;
  std::int64_t steps_per_epoch = 0;
  std::int64_t total_steps = 0;
  int batch_size = 0;
  int micro_batch = 0;
  double total_flops = 0.0;  // expected, of the whole run
  double peak_bytes = 0.0;   // predicted, of the process or of a device with memory of its own
  std::string device;
};

// Reads no more of the data than headers and sizes. Throws as load_dataset() does for bad ones.
Plan make_plan(const RunConfig& config);
std::string to_text(const Plan& plan);
std::string to_json(const Plan& plan);

}  // namespace dropmuon
