// SPDX-License-Identifier: MIT
// A run as its YAML file describes it. Every key is declared once
// (src/runner/config/config_schema.cpp) with its type, default, range and help; reading, checking,
// printing and the reference page all come from that declaration.
#pragma once

#include <string>
#include <vector>

#include <dropmuon/backend/factory.h>
#include <dropmuon/training/options.h>

namespace dropmuon {

// What a run writes beside metrics.csv and metrics.jsonl.
struct LogOptions {
  bool tensorboard = false;
};

struct RunConfig {
  std::string name = "run";
  std::string runs_dir = "runs";
  DeviceRequest device;
  Experiment experiment;
  LogOptions log;
};

// Reads `path` and then applies `overrides` ("optimizer.lr=0.05", later ones win). Throws
// Error(missing_input) or Error(bad_config); a message about the file reads
//   configs/a.yaml:12:3: unknown key 'optimzer'; did you mean 'optimizer'?
// followed by the source line and a caret.
RunConfig load_config(const std::string& path, const std::vector<std::string>& overrides);

// All keys with their values, loadable again; the same text for the same configuration.
std::string to_yaml(const RunConfig& config);

// configs/reference.yaml: every key with its default and one comment.
std::string reference_yaml();

// First 8 hexadecimal digits of the SHA-256 of to_yaml().
std::string config_hash(const RunConfig& config);

}  // namespace dropmuon
