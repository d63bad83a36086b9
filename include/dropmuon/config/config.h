// SPDX-License-Identifier: MIT
// A run as its YAML file describes it. Every key is declared once
// (src/config/schema.cpp) with its type, default, range and help; reading, checking,
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

// The key that somebody means who writes `word` as a flag, "epochs" or "batch-size": its path, or
// "" if no key is called so.
std::string key_meant_by(const std::string& word);

// All keys with their values, loadable again; the same text for the same configuration.
std::string to_yaml(const RunConfig& config);

// configs/reference.yaml: every key with its default and one comment.
std::string reference_yaml();

// 8 hexadecimal digits that name what is computed: of the SHA-256 of the keys that decide it and
// are not at their default. Not of where it is written (name, runs_dir), read (data.root), nor of
// how often something is logged or saved, unless train.non_finite.policy is rollback, which goes
// back to what was saved: two configurations that differ in nothing else have one hash.
std::string config_hash(const RunConfig& config);

// Up to version 0.1.0 commit 376c703 the hash was that of the text of config.yaml; folders from
// then have it in their provenance and checkpoints.
struct ConfigHashes {
  std::string own;      // config_hash()
  std::string of_text;  // the older one
};
// Of a run folder's config.yaml, loaded and as it stands there.
ConfigHashes config_hashes(const RunConfig& config, const std::string& text);

}  // namespace dropmuon
