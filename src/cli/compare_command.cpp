// SPDX-License-Identifier: MIT
#include "compare_command.h"

#include <algorithm>
#include <cstdlib>

#include <sys/ioctl.h>
#include <unistd.h>

#include "print.h"
#include <dropmuon/core/log.h>
#include <dropmuon/core/path_text.h>
#include <dropmuon/experiments/compare.h>

namespace dropmuon {
namespace {

// Of the terminal, or as COLUMNS says; 0, no limit, for files and pipes.
std::size_t output_width() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  const char* columns = std::getenv("COLUMNS");
  return columns == nullptr ? 0 : static_cast<std::size_t>(std::max(0, std::atoi(columns)));
}

std::string formatted(const Comparison& comparison, const std::string& format) {
  if (format == "markdown") return to_markdown(comparison);
  if (format == "csv") return to_csv(comparison);
  if (format == "json") return to_json(comparison);
  return to_text(comparison, output_width());
}

}  // namespace

void add_compare(CLI::App& app, CompareArguments& arguments) {
  CLI::App* command = app.add_subcommand(
      "compare", "What groups of finished runs need to reach a target, and how sure that is");
  command->footer(
      "Example: dropmuon compare runs/mnist-muon runs/mnist-drop-muon --target "
      "test/accuracy=0.99");
  command->add_option("runs", arguments.runs, "Run folders, or folders of runs up to 3 levels down")
      ->required()
      ->type_name("RUNS")
      ->transform(expanded_path);
  command
      ->add_option("--target", arguments.target,
                   "train/accuracy, test/accuracy, train/loss or test/loss, and a value; else that "
                   "of the runs' configs")
      ->type_name("METRIC=VALUE");
  command
      ->add_option("--baseline", arguments.baseline,
                   "What ratios are taken to: a group's label, part of it, a run's name or folder; "
                   "else the group of the first run, in a sweep that of its first case")
      ->type_name("GROUP");
  command->add_option("--format", arguments.format, "table, markdown, csv or json")
      ->check(CLI::IsMember({"table", "markdown", "csv", "json"}))
      ->type_name("FORMAT")
      ->capture_default_str();
  command->add_flag("--force", arguments.force, "Compare runs of different machines and builds");
  command->add_flag("--skip-bad", arguments.skip_bad, "Leave out damaged and unfinished runs");
}

ExitCode command_compare(const CompareArguments& arguments) {
  CompareOptions options{.paths = arguments.runs, .baseline = arguments.baseline};
  if (!arguments.target.empty()) options.target = parse_target(arguments.target);
  if (arguments.force) options.machines = MixedMachines::allow;
  if (arguments.skip_bad) options.bad_runs = BadRuns::leave_out;
  const Comparison comparison = compare_runs(options);
  print(formatted(comparison, arguments.format));
  for (const std::string& warning : comparison.warnings) log::warning("{}", warning);
  return ExitCode::ok;
}

}  // namespace dropmuon
