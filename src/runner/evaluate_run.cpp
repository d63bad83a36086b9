// SPDX-License-Identifier: MIT
#include <filesystem>

#include <nlohmann/json.hpp>

#include <dropmuon/runner/train_run.h>
#include <dropmuon/training/weights_file.h>

namespace dropmuon {
namespace fs = std::filesystem;
namespace {

// The run that `path` belongs to: itself, or the nearest folder above it with a configuration.
fs::path run_of(const std::string& path) {
  std::error_code ignored;
  const fs::path name = fs::path(path).filename();
  if (!fs::exists(path, ignored) && name != "best" && name != "latest") {
    fail(ExitCode::missing_input, "no run folder {}", path);
  }
  constexpr int kLevels = 3;  // RUN/checkpoints/step_00000010/weights.safetensors
  fs::path at = fs::absolute(path);
  for (int level = 0; level <= kLevels; ++level, at = at.parent_path()) {
    if (fs::is_regular_file(at / "config.yaml", ignored)) return at;
  }
  fail(ExitCode::missing_input, "no run folder at or around {} (it would hold a config.yaml)",
       path);
}

}  // namespace

std::string to_json(const RunEvaluation& e) {
  nlohmann::ordered_json json;  // writes null for what is not finite
  json["train/loss"] = e.train_sample.loss;
  json["train/accuracy"] = e.train_sample.accuracy;
  json["test/loss"] = e.test.loss;
  json["test/accuracy"] = e.test.accuracy;
  return json.dump() + "\n";
}

RunEvaluation evaluate_run(const std::string& path, const std::vector<std::string>& overrides) {
  const RunConfig config = load_config((run_of(path) / "config.yaml").string(), overrides);
  const SavedWeights weights = read_weights(path);
  const std::unique_ptr<Backend> backend = make_backend(config.device);
  Trainer trainer(*backend, config.experiment, load_dataset(config.experiment.data));
  set_weights(weights.tensors, weights.source, trainer.network(), *backend);
  return {.train_sample = trainer.evaluate_train_sample(),
          .test = trainer.evaluate_test(),
          .weights = weights.source};
}

}  // namespace dropmuon
