// SPDX-License-Identifier: MIT
#include "commands.h"

#include "print.h"
#include "signals.h"
#include <dropmuon/backend/factory.h>
#include <dropmuon/config/config.h>
#include <dropmuon/core/text.h>
#include <dropmuon/dataset/dataset.h>
#include <dropmuon/runner/bench.h>
#include <dropmuon/runner/plan.h>
#include <dropmuon/runner/provenance.h>
#include <dropmuon/runner/run_folder.h>
#include <dropmuon/runner/train_run.h>

namespace dropmuon {
namespace {

RunControl control() {
  return {.stop_requested = [] { return stop_requests() > 0; },
          .checkpoint_requested = checkpoint_requested};
}

}  // namespace

ExitCode command_train(const ConfigArguments& arguments, const std::vector<std::string>& command,
                       Verbosity verbosity) {
  const RunConfig config = load_config(arguments.path, arguments.overrides);
  answer_signals(SecondRequest::ends_the_process);
  Progress progress(verbosity);
  return run_training(config, command, control(), progress);
}

ExitCode command_resume(const std::string& run, const ConfigArguments& arguments,
                        const std::vector<std::string>& command, Verbosity verbosity) {
  if (run != "latest" && !arguments.path.empty()) {
    fail(ExitCode::usage, "--resume {} goes on with the run's own configuration: expected no '{}'",
         run, arguments.path);
  }
  std::string folder = run;
  if (run == "latest") {
    if (arguments.path.empty()) {
      fail(ExitCode::usage,
           "--resume latest needs the CONFIG (and overrides) whose newest run is meant");
    }
    folder = RunFolder::latest(load_config(arguments.path, arguments.overrides)).path();
  }
  answer_signals(SecondRequest::ends_the_process);
  Progress progress(verbosity);
  return resume_training(folder, command, control(), progress);
}

ExitCode command_eval(const ConfigArguments& arguments, OutputFormat format) {
  const RunEvaluation e = evaluate_run(arguments.path, arguments.overrides);
  if (format == OutputFormat::json) {
    print(to_json(e));
  } else {
    print(e.weights + "\n");
    const auto line = [](const char* name, const Evaluation& numbers) {
      print(fmt::format("{:<12}  loss {:.4f}  accuracy {:.4f}\n", name, numbers.loss,
                        numbers.accuracy));
    };
    if (e.train_sample) line("train sample", *e.train_sample);
    line("test", e.test);
  }
  return ExitCode::ok;
}

ExitCode command_plan(const ConfigArguments& arguments, OutputFormat format) {
  const Plan plan = make_plan(load_config(arguments.path, arguments.overrides));
  print(format == OutputFormat::json ? to_json(plan) : to_text(plan));
  return ExitCode::ok;
}

ExitCode command_bench(const BenchArguments& arguments, OutputFormat format) {
  const RunConfig config = load_config(arguments.config.path, arguments.config.overrides);
  const BenchResult result =
      run_bench(config, {.warmup_steps = arguments.warmup, .rounds = arguments.rounds});
  print(format == OutputFormat::json ? to_json(result) : to_text(result));
  return ExitCode::ok;
}

ExitCode command_data(const std::string& name, const std::string& root) {
  ExitCode code = ExitCode::ok;
  for (const std::string& each : dataset_names()) {
    if (!name.empty() && each != name) continue;
    try {
      const Dataset data = load_dataset({.dataset = each, .root = root});
      print(fmt::format("{}: {} training and {} test images, {}x{}x{}, {} classes, {}\n", each,
                        data.train.count(), data.test.count(), data.image.height, data.image.width,
                        data.image.channels, data.classes, data.verdict));
      for (const auto& [file, hash] : data.hashes) print(fmt::format("  {}  {}\n", hash, file));
    } catch (const Error& error) {
      if (!name.empty()) throw;
      print(fmt::format("{}: {}\n", each, error.what()));
      if (error.code() != ExitCode::missing_input) code = error.code();
    }
  }
  if (!name.empty()) dataset_info(name);  // complains about an unknown name
  return code;
}

ExitCode command_config_show(const ConfigArguments& arguments) {
  print(to_yaml(load_config(arguments.path, arguments.overrides)));
  return ExitCode::ok;
}

ExitCode command_config_reference() {
  print(reference_yaml());
  return ExitCode::ok;
}

ExitCode command_info() {
  print("dropmuon\n");
  for (const auto& [name, value] : build_facts()) print(fmt::format("  {:<16} {}\n", name, value));
  const std::unique_ptr<Backend> backend = make_backend({.device = "cpu"});
  const DeviceInfo cpu = backend->info();
  print("threads\n");
  print(fmt::format("  {:<16} {}, {}\n", "number", cpu.threads, cpu.threads_reason));
  print(fmt::format("  {:<16} {}\n", "binding", cpu.binding));
  print(fmt::format("  {:<16} {}\n", "waiting", cpu.waiting));
  print(fmt::format("  {:<16} {}\n", "instruction set", cpu.instruction_set));
  print("devices\n");
  for (const std::string& line : describe_devices()) print("  " + line + "\n");
  print("libraries\n");
  for (const auto& [name, version] : library_versions()) {
    print(fmt::format("  {:<16} {}\n", name, version));
  }
  print(fmt::format("CPU peak           {:.0f} GFLOP/s fp32 multiply-add, measured now\n",
                    backend->measure_peak_flops() / 1e9));
  return ExitCode::ok;
}

}  // namespace dropmuon
