// SPDX-License-Identifier: MIT
// What each command does once its words are parsed. All return the exit code or throw Error.
#pragma once

#include <string>
#include <vector>

#include "progress.h"
#include <dropmuon/core/error.h>

namespace dropmuon {

struct ConfigArguments {
  std::string path;                    // of a configuration, or of a run for `eval`
  std::vector<std::string> overrides;  // "optimizer.lr=0.05"
};

enum class OutputFormat { text, json };

ExitCode command_train(const ConfigArguments& arguments, const std::vector<std::string>& command,
                       Verbosity verbosity);
// Goes on with a run folder, or with the newest run of arguments.config if `run` is "latest".
ExitCode command_resume(const std::string& run, const ConfigArguments& arguments,
                        const std::vector<std::string>& command, Verbosity verbosity);
ExitCode command_eval(const ConfigArguments& arguments, OutputFormat format);  // config: run folder
ExitCode command_plan(const ConfigArguments& arguments, OutputFormat format);

struct BenchArguments {
  ConfigArguments config;
  int rounds = 9;
  int warmup = 3;
};
ExitCode command_bench(const BenchArguments& arguments, OutputFormat format);

ExitCode command_data(const std::string& name, const std::string& root);  // name "": all sets
ExitCode command_config_show(const ConfigArguments& arguments);
ExitCode command_config_reference();
ExitCode command_info();

}  // namespace dropmuon
