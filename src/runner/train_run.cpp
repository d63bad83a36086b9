// SPDX-License-Identifier: MIT
#include <algorithm>
#include <filesystem>

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "layer_report.h"
#include "resume_check.h"
#include "run_hint.h"
#include "run_observer.h"
#include <dropmuon/core/file_system.h>
#include <dropmuon/core/log.h>
#include <dropmuon/core/sha256.h>
#include <dropmuon/core/text.h>
#include <dropmuon/runner/provenance.h>
#include <dropmuon/runner/run_folder.h>
#include <dropmuon/runner/train_run.h>
#include <dropmuon/training/event_file.h>
#include <dropmuon/training/weights_file.h>

namespace dropmuon {
namespace {

std::string describe_with_libraries(const DeviceInfo& device) {
  std::string text = describe(device);
  for (const auto& [name, version] : device.libraries)
    text += fmt::format(", {} {}", name, version);
  return text;
}

std::string describe(const Dataset& data) {
  return fmt::format("{}: {} + {} images, {}", data.name, data.train.count(), data.test.count(),
                     data.verdict);
}

Dataset without_images(const Dataset& data) {
  Dataset about;
  about.name = data.name;
  about.source = data.source;
  about.verdict = data.verdict;
  about.hashes = data.hashes;
  return about;
}

std::string describe(const Normalization& n) {
  return fmt::format("mean {:.4f}, inverse deviation {:.4f}", fmt::join(n.mean, " "),
                     fmt::join(n.inverse_std, " "));
}

std::string describe(Network& network) {
  std::size_t parameters = 0;
  for (const Param& param : network.params()) parameters += param.size();
  return fmt::format("{} layers, {} parameters", network.depth(), parameters);
}

// `micro_batch` is what auto chose: with the threads it decides the rounding.
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

ExitCode exit_code(TrainStatus status) {
  switch (status) {
    case TrainStatus::done:
      return ExitCode::ok;
    case TrainStatus::stopped:
      return ExitCode::stopped;
    case TrainStatus::diverged:
      return ExitCode::diverged;
  }
  return ExitCode::internal;
}

// What a run needs before it deserves a folder.
struct Setup {
  std::unique_ptr<Backend> backend;
  Dataset about;     // the data set without its images, which the trainer has
  std::string data;  // in words
  std::unique_ptr<Trainer> trainer;
  std::optional<SavedWeights> initial;  // train.init_from, once it is taken
};

// `loaded`: the data set of the configuration, if it is there already.
Setup set_up(const RunConfig& config, std::optional<Dataset> loaded) {
  Setup setup{.backend = make_backend(config.device)};
  Dataset data = loaded ? std::move(*loaded) : load_dataset(config.experiment.data);
  setup.about = without_images(data);
  setup.data = describe(data);
  setup.trainer = std::make_unique<Trainer>(*setup.backend, config.experiment, std::move(data));
  return setup;
}

// A folder of runs has none; whoever names it means a run.
SavedWeights read_initial_weights(const std::string& path) {
  try {
    return read_weights(path);
  } catch (const Error& error) {
    std::error_code ignored;
    const bool is_folder = std::filesystem::is_directory(path, ignored);
    const bool is_missing = error.code() == ExitCode::missing_input;
    const std::string hint = is_missing && is_folder ? hint_for_weights(path) : "";
    if (hint.empty()) throw;
    fail(ExitCode::missing_input, "train.init_from={}: {}{}", path, error.what(), hint);
  }
}

void take_initial_weights(Setup& setup, const Experiment& experiment) {
  if (setup.initial || !experiment.train.init_from) return;
  setup.initial = read_initial_weights(*experiment.train.init_from);
  set_weights(setup.initial->tensors, setup.initial->source, setup.trainer->network(),
              *setup.backend);
  if (!setup.initial->normalization) {
    log::warning(
        "{} does not say how its images were normalised: as these training images are, which may "
        "be wrong",
        setup.initial->source);
    return;
  }
  const Normalization measured = setup.trainer->normalization();
  setup.trainer->set_normalization(*setup.initial->normalization, setup.initial->source);
  if (setup.trainer->normalization() == measured) return;
  log::info("images are normalised as for these weights: {}; by these training images: {}",
            describe(setup.trainer->normalization()), describe(measured));
}

enum class Restored { no, yes };

// Puts the trainer where the newest whole checkpoint was; without one it stays at the start.
Restored restore_newest(Trainer& trainer, CheckpointStore& checkpoints,
                        const ConfigHashes& hashes) {
  const auto loaded = checkpoints.load_newest(hashes.own, hashes.of_text);
  if (!loaded) return Restored::no;
  warn_of_damage(*loaded);
  trainer.restore(loaded->checkpoint);
  log::info("going on after step {} from {}", trainer.steps_done(), loaded->folder);
  return Restored::yes;
}

// A kill may have come between saving the state and marking it. One that came between the two names
// of a state that is saved again leaves nothing to mark; the next save tidies that up.
void mark_if_best(CheckpointStore& checkpoints, const Trainer& trainer) {
  const std::vector<std::int64_t> steps = checkpoints.steps();
  const bool is_there = std::find(steps.begin(), steps.end(), trainer.steps_done()) != steps.end();
  if (trainer.best_step() == trainer.steps_done() && is_there) {
    checkpoints.mark_best(trainer.best_step());
  }
}

std::string describe(const SavedWeights& weights) {
  return fmt::format("{} sha256 {}", weights.file,
                     sha256(FileSystem::real().read_file(weights.file)));
}

RunHeader header_of(const RunFolder& folder, const RunConfig& config, const DeviceInfo& device,
                    const std::string& data, Trainer& trainer) {
  return {.folder = folder.path(),
          .device = describe_with_libraries(device),
          .data = data,
          .model = describe(trainer.network()),
          .steps_done = trainer.steps_done(),
          .total_steps = trainer.total_steps(),
          .steps_per_epoch = trainer.steps_per_epoch(),
          .batch_size = config.experiment.train.batch_size,
          .micro_batch = trainer.micro_batch()};
}

// Only once nothing can keep this one from going on: until then they are the best there is. What a
// kill left in the middle of replacing a file goes too.
void forget_the_end_of_an_earlier_process(const RunFolder& folder) {
  std::error_code ignored;
  for (const char* name : {"error.txt", "weights.safetensors", "summary.json"}) {
    std::filesystem::remove(folder.file(name), ignored);
  }
  for (const std::string& name : FileSystem::real().list(folder.path())) {
    if (is_replacement(name)) std::filesystem::remove(folder.file(name), ignored);
  }
}

ExitCode train_in(const RunFolder& folder, const RunConfig& config,
                  const std::vector<std::string>& command, Setup setup, const RunControl& control,
                  RunView& view) {
  Backend& backend = *setup.backend;
  Trainer& trainer = *setup.trainer;
  const Experiment& experiment = config.experiment;
  const ConfigHashes hashes = folder.config_hashes();
  ProvenanceFacts facts{.config = hashes, .seed = experiment.seed};
  CheckpointStore checkpoints(folder.file("checkpoints"), experiment.train.checkpoint.keep);
  const Restored restored = restore_newest(trainer, checkpoints, hashes);
  if (restored == Restored::yes && experiment.train.checkpoint.best) {
    mark_if_best(checkpoints, trainer);
  }
  if (restored == Restored::no) take_initial_weights(setup, experiment);
  if (restored == Restored::no && setup.initial) {
    log::info("starting with the weights of {}", setup.initial->source);
    facts.initial_weights = describe(*setup.initial);
    setup.initial->tensors.clear();
  }
  const std::string provenance = provenance_json(facts, backend.info(), setup.about, command);
  if (restored == Restored::yes) warn_if_elsewhere(folder.path(), provenance);
  note_provenance(folder.path(), provenance);
  view.on_begin(header_of(folder, config, backend.info(), setup.data, trainer));
  const std::int64_t steps_done = trainer.steps_done();
  std::optional<EventFile> events;
  if (config.log.tensorboard) events.emplace(folder.path(), steps_done == 0 ? 0 : steps_done + 1);
  RunObserver observer(folder,
                       steps_done == 0
                           ? MetricsWriter(folder.path(), trainer.network().depth())
                           : MetricsWriter(folder.path(), steps_done, trainer.logged_step()),
                       std::move(events), checkpoints, hashes, control, view);
  forget_the_end_of_an_earlier_process(folder);
  const TrainResult result = trainer.run(observer);
  observer.tell_pauses();
  observer.sync();  // before anything says how the run ended
  if (result.status != TrainStatus::diverged) {
    save_weights(folder.file("weights.safetensors"), trainer.network(), trainer.normalization(),
                 backend);
  }
  folder.write("summary.json", summary_json(config, result, trainer.micro_batch()));
  folder.set_status(std::string(name_of(result.status)));
  view.on_end(result);
  const std::string idle = idle_layers(result);
  if (result.status != TrainStatus::stopped && !idle.empty()) log::warning("{}", idle);
  return exit_code(result.status);
}

// Takes the device and the data, trains, and leaves the reason in the folder if it fails.
ExitCode train_noting_failure(const RunFolder& folder, const RunConfig& config,
                              const std::vector<std::string>& command,
                              const std::function<Setup()>& begin, const RunControl& control,
                              RunView& view) {
  try {
    folder.set_status("running");
    log::open_file(folder.file("log.txt"));
    const ExitCode code = train_in(folder, config, command, begin(), control, view);
    log::close_file();
    return code;
  } catch (const std::exception& error) {
    // The first failure is the one to report, even if the folder cannot take the note of it.
    log::close_file();
    try {
      folder.write("error.txt", std::string(error.what()) + "\n");
      folder.set_status("failed");
    } catch (const Error&) {
    }
    throw;
  }
}

// A run that could not begin leaves no folder: without config.yaml nobody can go on with it.
void remove_unless_begun(const RunFolder& folder) {
  try {
    FileSystem& files = FileSystem::real();
    if (!files.exists(folder.file("config.yaml"))) files.remove_tree(folder.path());
  } catch (const Error&) {  // the first failure is the one to report
  }
}

}  // namespace

ExitCode run_training(const RunConfig& config, const std::vector<std::string>& command,
                      const RunControl& control, RunView& view) {
  Setup setup = set_up(config, std::nullopt);
  take_initial_weights(setup, config.experiment);
  const RunFolder folder = RunFolder::create(config);
  const auto begin = [&] {
    folder.write("config.yaml", to_yaml(config));
    return std::move(setup);
  };
  try {
    const FolderLock lock(folder.path());
    return train_noting_failure(folder, config, command, begin, control, view);
  } catch (const Error&) {
    remove_unless_begun(folder);
    throw;
  }
}

ExitCode resume_training(const std::string& path, const std::vector<std::string>& command,
                         const RunControl& control, RunView& view) {
  const RunFolder folder = RunFolder::open(path);
  const RunConfig config = load_config(folder.file("config.yaml"), {});
  const FolderLock lock(folder.path());
  const std::string status = folder.status();
  if (status == "done" || status == "diverged") {
    log::info("{}: {} already{}", path, status,
              status == "done"
                  ? "; to train on from its weights, start a run with train.init_from=" +
                        shell_quoted(path)
                  : "");
    return status == "done" ? ExitCode::ok : ExitCode::diverged;
  }
  // A run that has begun keeps its folder as it is until its configuration and data are found here.
  require_same_config(folder.path(), folder.config_hashes());
  std::optional<Dataset> data;
  const auto is_there = [&](const char* name) {
    return std::filesystem::exists(folder.file(name));
  };
  if (is_there("provenance.json") || is_there("checkpoints")) {
    data = load_dataset(config.experiment.data);
    require_same_data(folder.path(), *data);
  }
  const auto begin = [&] { return set_up(config, std::move(data)); };
  return train_noting_failure(folder, config, command, begin, control, view);
}

}  // namespace dropmuon
