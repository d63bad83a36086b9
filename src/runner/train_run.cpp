// SPDX-License-Identifier: MIT
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/file.h>
#include <unistd.h>

#include <dropmuon/core/log.h>
#include <dropmuon/core/text.h>
#include <dropmuon/runner/provenance.h>
#include <dropmuon/runner/run_folder.h>
#include <dropmuon/runner/train_run.h>
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

std::string describe(Network& network) {
  std::size_t parameters = 0;
  for (const Param& param : network.params()) parameters += param.size();
  return fmt::format("{} layers, {} parameters", network.depth(), parameters);
}

std::string summary_json(const RunConfig& config, const TrainResult& result, int micro_batch) {
  nlohmann::ordered_json json;
  json["name"] = config.name;
  json["status"] = name_of(result.status);
  json["micro_batch"] = micro_batch;  // what auto chose: with the threads it decides the rounding
  for (std::size_t i = 0; i < kMetricCount; ++i) {
    const auto metric = static_cast<Metric>(i);
    if (!result.last.has(metric)) continue;
    if (is_counter(metric)) {
      json[name_of(metric)] = static_cast<std::int64_t>(result.last[metric]);
    } else {
      json[name_of(metric)] = result.last[metric];
    }
  }
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
  return json.dump(2) + "\n";
}

// Passes what the trainer reports to the files and the person watching.
class Observer final : public TrainObserver {
 public:
  Observer(MetricsWriter writer, CheckpointStore& checkpoints, std::string config_hash,
           const RunControl& control, RunView& view)
      : writer_(std::move(writer)),
        checkpoints_(checkpoints),
        config_hash_(std::move(config_hash)),
        control_(control),
        view_(view) {}
  void on_step(std::int64_t steps_done) override { view_.on_step(steps_done); }
  void on_metrics(const MetricsRow& row) override {
    writer_.write(row);
    view_.on_metrics(row);
  }
  bool stop_requested() override { return control_.stop_requested(); }
  bool checkpoint_requested() override { return control_.checkpoint_requested(); }
  void on_checkpoint(const Checkpoint& checkpoint, bool best) override {
    Checkpoint named = checkpoint;
    named.config_hash = config_hash_;
    checkpoints_.save(named);
    if (best) checkpoints_.mark_best(named.step);
  }

 private:
  MetricsWriter writer_;
  CheckpointStore& checkpoints_;
  std::string config_hash_;
  const RunControl& control_;
  RunView& view_;
};

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
struct Inputs {
  std::unique_ptr<Backend> backend;
  Dataset data;
};

enum class Start { fresh, resume };

// One process at a time works in a run folder; the lock goes when the process does.
class FolderLock {
 public:
  explicit FolderLock(const RunFolder& folder)
      : file_(::open(folder.file(".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
    if (file_ < 0 || ::flock(file_, LOCK_EX | LOCK_NB) != 0) {
      const int reason = errno;
      if (file_ >= 0) ::close(file_);
      if (reason == EWOULDBLOCK) {
        fail(ExitCode::cannot_write, "another process is training in {}", folder.path());
      }
      fail(ExitCode::cannot_write, "cannot lock {}: {}", folder.path(), std::strerror(reason));
    }
  }
  ~FolderLock() { ::close(file_); }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int file_;
};

// Puts the trainer where the newest whole checkpoint was; without one it stays at the start.
void restore_newest(Trainer& trainer, const CheckpointStore& checkpoints, const std::string& hash) {
  const auto loaded = checkpoints.load_newest(hash);
  if (!loaded) {
    log::warning("no checkpoint to go on from: starting at step 0");
    return;
  }
  for (const DamagedCheckpoint& damaged : loaded->damaged) {
    log::warning("{} is damaged ({}); an older one is used", damaged.folder, damaged.problem);
  }
  trainer.restore(loaded->checkpoint);
  log::info("going on after step {} from {}", trainer.steps_done(), loaded->folder);
}

ExitCode train_in(const RunFolder& folder, const RunConfig& config, Start start,
                  const std::vector<std::string>& command, Inputs inputs, const RunControl& control,
                  RunView& view) {
  log::open_file(folder.file("log.txt"));
  Backend& backend = *inputs.backend;
  const std::string provenance =
      start == Start::fresh ? "provenance.json" : "provenance_resume.json";
  folder.write(provenance, provenance_json(config, backend.info(), inputs.data, command));
  RunHeader header{.folder = folder.path(),
                   .device = describe_with_libraries(backend.info()),
                   .data = describe(inputs.data)};
  Trainer trainer(backend, config.experiment, std::move(inputs.data));
  CheckpointStore checkpoints(folder.file("checkpoints"), config.experiment.train.checkpoint.keep);
  if (start == Start::resume) restore_newest(trainer, checkpoints, config_hash(config));
  header.model = describe(trainer.network());
  header.total_steps = trainer.total_steps();
  header.steps_per_epoch = trainer.steps_per_epoch();
  header.batch_size = config.experiment.train.batch_size;
  header.micro_batch = trainer.micro_batch();
  view.on_begin(header);
  const bool at_start = trainer.steps_done() == 0;
  Observer observer(
      at_start ? MetricsWriter(folder.path()) : MetricsWriter(folder.path(), trainer.steps_done()),
      checkpoints, config_hash(config), control, view);
  const TrainResult result = trainer.run(observer);
  save_weights(folder.file("weights.safetensors"), trainer.network(), backend);
  folder.write("summary.json", summary_json(config, result, trainer.micro_batch()));
  folder.set_status(std::string(name_of(result.status)));
  view.on_end(result);
  return exit_code(result.status);
}

// Runs train_in and leaves the reason in the folder if it fails.
ExitCode train_noting_failure(const RunFolder& folder, const RunConfig& config, Start start,
                              const std::vector<std::string>& command, Inputs inputs,
                              const RunControl& control, RunView& view) {
  try {
    folder.set_status("running");
    if (start == Start::fresh) folder.write("config.yaml", to_yaml(config));
    const ExitCode code =
        train_in(folder, config, start, command, std::move(inputs), control, view);
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

}  // namespace

ExitCode run_training(const RunConfig& config, const std::vector<std::string>& command,
                      const RunControl& control, RunView& view) {
  Inputs inputs{make_backend(config.device), load_dataset(config.experiment.data)};
  const RunFolder folder = RunFolder::create(config);
  const FolderLock lock(folder);
  return train_noting_failure(folder, config, Start::fresh, command, std::move(inputs), control,
                              view);
}

ExitCode resume_training(const std::string& path, const std::vector<std::string>& command,
                         const RunControl& control, RunView& view) {
  const RunFolder folder = RunFolder::open(path);
  const RunConfig config = load_config(folder.file("config.yaml"), {});
  const FolderLock lock(folder);
  if (folder.status() == "done") {
    log::info("{} is done", path);
    return ExitCode::ok;
  }
  Inputs inputs{make_backend(config.device), load_dataset(config.experiment.data)};
  return train_noting_failure(folder, config, Start::resume, command, std::move(inputs), control,
                              view);
}

std::string to_json(const RunEvaluation& e) {
  nlohmann::ordered_json json;  // writes null for what is not finite
  json["train/loss"] = e.train_sample.loss;
  json["train/accuracy"] = e.train_sample.accuracy;
  json["test/loss"] = e.test.loss;
  json["test/accuracy"] = e.test.accuracy;
  return json.dump() + "\n";
}

RunEvaluation evaluate_run(const std::string& folder, const std::vector<std::string>& overrides) {
  const std::string weights = folder + "/weights.safetensors";
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored)) {
    fail(ExitCode::missing_input, "no run folder {}", folder);
  }
  const RunConfig config = load_config(folder + "/config.yaml", overrides);
  const std::unique_ptr<Backend> backend = make_backend(config.device);
  Trainer trainer(*backend, config.experiment, load_dataset(config.experiment.data));
  load_weights(weights, trainer.network(), *backend);
  return {.train_sample = trainer.evaluate_train_sample(),
          .test = trainer.evaluate_test(),
          .weights = weights};
}

}  // namespace dropmuon
