// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cerrno>
#include <cmath>
#include <filesystem>
#include <utility>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include <dropmuon/core/file_system.h>
#include <dropmuon/core/log.h>
#include <dropmuon/core/run_files.h>
#include <dropmuon/core/run_hint.h>
#include <dropmuon/runner/recorded_data.h>
#include <dropmuon/runner/train_run.h>
#include <dropmuon/training/micro_batch.h>
#include <dropmuon/training/weights_file.h>

namespace dropmuon {
namespace fs = std::filesystem;
namespace {

// The run that `path` belongs to: itself, or the nearest folder above it with a configuration.
fs::path run_of(const std::string& path) {
  std::error_code ignored;
  const fs::path name = fs::path(path).filename();
  // A name that is too long for a file is of none.
  const bool is_too_long = ::access(path.c_str(), F_OK) != 0 && errno == ENAMETOOLONG;
  if ((is_too_long || !FileSystem::real().exists(path)) && name != "best" && name != "latest") {
    fail(ExitCode::missing_input, "no run folder {}", path);
  }
  constexpr int kLevels = 3;  // RUN/checkpoints/step_00000010/weights.safetensors
  fs::path at = fs::absolute(path);
  for (int level = 0; level <= kLevels; ++level, at = at.parent_path()) {
    if (!FileSystem::real().exists((at / run_files::kConfig).string())) continue;
    if (fs::is_regular_file(at / run_files::kConfig, ignored)) return at;
  }
  fail(ExitCode::missing_input, "no run folder at or around {} (it would hold a config.yaml){}",
       path, hint_for_run(path));
}

bool is_of_training(const std::string& file) {
  return !file.starts_with("t10k") && !file.starts_with("test");
}

enum class TrainingImages { same, other, unknown };

// Whether the training images here are those of the run, as far as its notes and `train_limit`
// tell.
TrainingImages compare_training_images(const std::string& run, const DatasetOptions& own,
                                       const DatasetOptions& options, const Dataset& data) {
  if (own.dataset != options.dataset) return TrainingImages::other;
  if (own.train_limit != options.train_limit) {  // which may still leave the same images
    DatasetOptions as_then = options;
    as_then.train_limit = own.train_limit;
    if (dataset_info(as_then).train_count != data.train.count()) return TrainingImages::other;
  }
  if (data.hashes.empty()) return TrainingImages::same;  // made, not read
  const std::optional<RecordedData> recorded = recorded_data(run);
  if (!recorded || recorded->sha256.empty()) return TrainingImages::unknown;
  const std::vector<std::string> others = other_files(*recorded, data);
  return std::any_of(others.begin(), others.end(), is_of_training) ? TrainingImages::other
                                                                   : TrainingImages::same;
}

// One line at most.
void tell_of_other_images(TrainingImages images, const SavedWeights& weights) {
  if (images == TrainingImages::same) return;
  if (!weights.normalization) {
    log::warning(
        "{} does not say how its images were normalised, and the training images here {}: the "
        "numbers below may be wrong",
        weights.source, images == TrainingImages::other ? "are others" : "may be others");
  } else if (images == TrainingImages::other) {
    log::warning(
        "the training images here are not those that the weights were trained on; images are "
        "normalised as for the weights");
  }
}

void use(const Normalization& normalization, const std::string& source, Dataset& data) {
  if (std::cmp_not_equal(normalization.mean.size(), data.image.channels)) {
    fail(ExitCode::bad_data, "{}: constants of normalisation for {} channels, the images have {}",
         source, normalization.mean.size(), data.image.channels);
  }
  data.mean = normalization.mean;
  data.inverse_std = normalization.inverse_std;
}

}  // namespace

std::string to_json(const RunEvaluation& e) {
  nlohmann::ordered_json json;  // writes null for what is not finite
  const Evaluation unknown{.loss = std::nan(""), .accuracy = std::nan("")};
  const Evaluation train = e.train_sample.value_or(unknown);
  json["train/loss"] = train.loss;
  json["train/accuracy"] = train.accuracy;
  json["test/loss"] = e.test.loss;
  json["test/accuracy"] = e.test.accuracy;
  return json.dump() + "\n";
}

RunEvaluation evaluate_run(const std::string& path, const std::vector<std::string>& overrides) {
  const fs::path run = run_of(path);
  const std::string file = (run / run_files::kConfig).string();
  const RunConfig config = load_config(file, overrides);
  const Experiment own = load_config(file, {}).experiment;
  const Experiment& experiment = config.experiment;
  const SavedWeights weights = read_weights(path);
  const std::unique_ptr<Backend> backend = make_backend(config.device);
  // Without constants of their own the weights need the training images.
  Dataset data = load_dataset(
      experiment.data, weights.normalization ? TrainingPart::if_there : TrainingPart::needed);
  if (data.missing.empty()) {
    tell_of_other_images(compare_training_images(run.string(), own.data, experiment.data, data),
                         weights);
  } else {
    log::warning("{} is missing: no numbers of the training sample", data.missing);
  }
  const auto network = build_network(experiment.model, {data.image, data.classes}, *backend);
  set_weights(weights.tensors, weights.source, *network, *backend);
  if (weights.normalization) use(*weights.normalization, weights.source, data);

  std::optional<DeviceSplit> train;
  if (data.missing.empty()) train.emplace(*backend, data, data.train);
  data.train = {};
  DeviceSplit test(*backend, data, data.test);
  data.test = {};
  // The sizes of the pieces decide the rounding, so they are those of the run.
  const int micro_batch =
      choose_micro_batch(experiment.train.micro_batch, own.train.batch_size,
                         busiest_layer_bytes(*network), backend->info().cache_bytes);
  std::vector<int> counts = {test.count()};
  if (train) counts.push_back(std::min(experiment.train.eval_train_images, train->count()));
  network->prepare(micro_batch_sizes(micro_batch, counts));
  const auto evaluate = [&](DeviceSplit& split, int limit) {
    const auto indices = evaluation_sample(split.count(), limit, experiment.seed);
    return Evaluator(*backend, split, indices, micro_batch).run(*network);
  };
  RunEvaluation result{.weights = weights.source};
  if (train) result.train_sample = evaluate(*train, counts.back());
  result.test = evaluate(test, test.count());
  return result;
}

}  // namespace dropmuon
