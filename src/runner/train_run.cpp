// SPDX-License-Identifier: MIT
#include <filesystem>

#include <nlohmann/json.hpp>

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

// Passes the trainer's rows to the files and the person watching.
class Observer final : public TrainObserver {
 public:
  Observer(const std::string& folder, const std::function<bool()>& stop_requested, RunView& view)
      : writer_(folder), stop_requested_(stop_requested), view_(view) {}
  void on_step(std::int64_t steps_done) override { view_.on_step(steps_done); }
  void on_metrics(const MetricsRow& row) override {
    writer_.write(row);
    view_.on_metrics(row);
  }
  bool stop_requested() override { return stop_requested_(); }

 private:
  MetricsWriter writer_;
  const std::function<bool()>& stop_requested_;
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

ExitCode train_in(const RunFolder& folder, const RunConfig& config,
                  const std::vector<std::string>& command, Inputs inputs,
                  const std::function<bool()>& stop_requested, RunView& view) {
  log::open_file(folder.file("log.txt"));
  Backend& backend = *inputs.backend;
  folder.write("provenance.json", provenance_json(config, backend.info(), inputs.data, command));
  RunHeader header{.folder = folder.path(),
                   .device = describe_with_libraries(backend.info()),
                   .data = describe(inputs.data)};
  Trainer trainer(backend, config.experiment, std::move(inputs.data));
  header.model = describe(trainer.network());
  header.total_steps = trainer.total_steps();
  header.steps_per_epoch = trainer.steps_per_epoch();
  header.batch_size = config.experiment.train.batch_size;
  header.micro_batch = trainer.micro_batch();
  view.on_begin(header);
  Observer observer(folder.path(), stop_requested, view);
  const TrainResult result = trainer.run(observer);
  save_weights(folder.file("weights.safetensors"), trainer.network(), backend);
  folder.write("summary.json", summary_json(config, result, trainer.micro_batch()));
  folder.set_status(std::string(name_of(result.status)));
  view.on_end(result);
  return exit_code(result.status);
}

}  // namespace

ExitCode run_training(const RunConfig& config, const std::vector<std::string>& command,
                      const std::function<bool()>& stop_requested, RunView& view) {
  Inputs inputs{make_backend(config.device), load_dataset(config.experiment.data)};
  const RunFolder folder = RunFolder::create(config);
  try {
    folder.set_status("running");
    folder.write("config.yaml", to_yaml(config));
    const ExitCode code =
        train_in(folder, config, command, std::move(inputs), stop_requested, view);
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
