// SPDX-License-Identifier: MIT
// `dropmuon compare`: its words, and what they do.
#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <dropmuon/core/error.h>

namespace dropmuon {

struct CompareArguments {
  std::vector<std::string> runs;
  std::string target;
  std::string baseline;
  std::string format = "table";
  bool force = false;
  bool skip_bad = false;
};

void add_compare(CLI::App& app, CompareArguments& arguments);

// Prints the table on standard output and every warning on standard error. That no run reached the
// target is a result like any other: a warning, and ok.
ExitCode command_compare(const CompareArguments& arguments);

}  // namespace dropmuon
