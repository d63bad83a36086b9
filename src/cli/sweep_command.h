// SPDX-License-Identifier: MIT
// `dropmuon sweep`: its words, and what they do.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <dropmuon/core/error.h>

namespace dropmuon {

struct SweepArguments {
  std::string file;
  std::vector<std::string> overrides;
  std::optional<int> jobs;
  int retries = 1;
  bool dry_run = false;
  std::string emit;  // slurm, parallel, or "": run the jobs here
  bool quiet = false;
};

void add_sweep(CLI::App& app, SweepArguments& arguments);

// Runs the jobs, or prints what --dry-run or --emit asks for. On standard output comes the sweep's
// folder; that jobs failed or were stopped is thrown as Error(internal) or Error(stopped). A second
// signal ends the process with 128 + its number.
ExitCode command_sweep(const SweepArguments& arguments);

}  // namespace dropmuon
