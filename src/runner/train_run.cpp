// SPDX-License-Identifier: MIT
#include <algorithm>
#include <filesystem>

#include "resume_check.h"
#include "run_hooks.h"
#include "run_setup.h"
#include "summary.h"
#include <dropmuon/core/file_system.h>
#include <dropmuon/core/log.h>
#include <dropmuon/core/sha256.h>
#include <dropmuon/core/text.h>
#include <dropmuon/runner/idle_layers.h>
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

std::string describe(Network& network) {
  std::size_t parameters = 0;
  for (const Param& param : network.params()) parameters += param.size();
  return fmt::format("{} layers, {} parameters", network.depth(), parameters);
}

RunStatus status_of(TrainStatus status) {
  switch (status) {
    case TrainStatus::running:
      break;
    case TrainStatus::done:
      return RunStatus::done;
    case TrainStatus::stopped:
      return RunStatus::stopped;
    case TrainStatus::diverged:
      return RunStatus::diverged;
  }
  return RunStatus::running;
}

ExitCode exit_code(TrainStatus status) {
  switch (status) {
    case TrainStatus::running:
      break;
    case TrainStatus::done:
      return ExitCode::ok;
    case TrainStatus::stopped:
      return ExitCode::stopped;
    case TrainStatus::diverged:
      return ExitCode::diverged;
  }
  return ExitCode::internal;
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
  for (const char* name : {run_files::kError, run_files::kWeights, run_files::kSummary}) {
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
  CheckpointStore checkpoints(folder.file(run_files::kCheckpoints),
                              experiment.train.checkpoint.keep);
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
                       std::move(events), view);
  RunSignals signals(control);
  RunKeeper keeper(checkpoints, hashes, observer);
  forget_the_end_of_an_earlier_process(folder);
  const TrainResult result = trainer.run({observer, signals, keeper});
  observer.tell_pauses();
  observer.sync();  // before anything says how the run ended
  if (result.status != TrainStatus::diverged) {
    save_weights(folder.file(run_files::kWeights), trainer.network(), trainer.normalization(),
                 backend);
  }
  folder.write(run_files::kSummary, summary_json(config, result, trainer.micro_batch()));
  folder.set_status(status_of(result.status));
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
    folder.set_status(RunStatus::running);
    log::open_file(folder.file(run_files::kLog));
    const ExitCode code = train_in(folder, config, command, begin(), control, view);
    log::close_file();
    return code;
  } catch (const std::exception& error) {
    // The first failure is the one to report, even if the folder cannot take the note of it.
    log::close_file();
    try {
      folder.write(run_files::kError, std::string(error.what()) + "\n");
      folder.set_status(RunStatus::failed);
    } catch (const Error&) {
    }
    throw;
  }
}

// A run that could not begin leaves no folder: without config.yaml nobody can go on with it.
void remove_unless_begun(const RunFolder& folder) {
  try {
    FileSystem& files = FileSystem::real();
    if (!files.exists(folder.file(run_files::kConfig))) files.remove_tree(folder.path());
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
    folder.write(run_files::kConfig, to_yaml(config));
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
  const RunConfig config = load_config(folder.file(run_files::kConfig), {});
  const FolderLock lock(folder.path());
  const std::optional<RunStatus> status = folder.status();
  if (status && is_final(*status)) {
    log::info("{}: {} already{}", path, name_of(*status),
              status == RunStatus::done
                  ? "; to train on from its weights, start a run with train.init_from=" +
                        shell_quoted(path)
                  : "");
    return status == RunStatus::done ? ExitCode::ok : ExitCode::diverged;
  }
  // A run that has begun keeps its folder as it is until its configuration and data are found here.
  require_same_config(folder.path(), folder.config_hashes());
  std::optional<Dataset> data;
  const auto is_there = [&](const char* name) {
    return std::filesystem::exists(folder.file(name));
  };
  if (is_there(run_files::kProvenance) || is_there(run_files::kCheckpoints)) {
    data = load_dataset(config.experiment.data);
    require_same_data(folder.path(), *data);
  }
  const auto begin = [&] { return set_up(config, std::move(data)); };
  return train_noting_failure(folder, config, command, begin, control, view);
}

}  // namespace dropmuon
