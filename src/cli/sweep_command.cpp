// SPDX-License-Identifier: MIT
#include "sweep_command.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <set>

#include <fmt/ranges.h>

#include "print.h"
#include "signals.h"
#include "sweep_table.h"
#include <dropmuon/backend/factory.h>
#include <dropmuon/core/log.h>
#include <dropmuon/core/path_text.h>
#include <dropmuon/core/text.h>
#include <dropmuon/experiments/compare.h>
#include <dropmuon/experiments/sweep.h>
#include <dropmuon/experiments/sweep_run.h>

namespace dropmuon {
namespace {

// Whoever started this may ignore the end of its children; here it has to be seen.
void notice_children() {
  struct sigaction action = {};
  action.sa_handler = SIG_DFL;
  sigaction(SIGCHLD, &action, nullptr);
}

void emit(const Sweep& sweep, const std::string& format, int at_a_time) {
  prepare_jobs(sweep);
  const std::string program = std::filesystem::read_symlink("/proc/self/exe");
  const auto script = format == "slurm" ? slurm_script : parallel_script;
  print(script(sweep, program, at_a_time));
  log::info("{} jobs in {} are prepared", sweep.jobs.size(), sweep.folder);
}

const char* plural(std::size_t count) { return count == 1 ? "" : "s"; }

std::string target_text(const SweepJob& job) {
  const std::optional<Target>& target = job.config.experiment.train.target;
  if (!target) return "";
  const std::string text = to_text(*target);  // "test/accuracy >= 0.9"
  return fmt::format("{}={}", text.substr(0, text.find(' ')), target->value);
}

// What all labels of `jobs` begin with, and no other label of the sweep; "" if there is no such.
std::string common_start(const std::vector<const SweepJob*>& jobs, const Sweep& sweep) {
  std::string start = jobs.front()->label;
  for (const SweepJob* job : jobs) {
    const auto [end, ignored] =
        std::mismatch(start.begin(), start.end(), job->label.begin(), job->label.end());
    start.erase(end, start.end());
  }
  const auto count = std::count_if(sweep.jobs.begin(), sweep.jobs.end(), [&](const SweepJob& job) {
    return job.label.starts_with(start);
  });
  return std::cmp_equal(count, jobs.size()) ? start : "";
}

// Runs of different data sets do not compare, nor do runs without a target in common.
std::string compare_hint(const Sweep& sweep) {
  const auto data_of = [](const SweepJob& job) { return job.config.experiment.data.dataset; };
  std::vector<const SweepJob*> alike;  // of the data set of the first job
  std::set<std::string> targets;
  for (const SweepJob& job : sweep.jobs) {
    if (data_of(job) != data_of(sweep.jobs.front())) continue;
    alike.push_back(&job);
    targets.insert(target_text(job));
  }
  std::string runs = shell_quoted(sweep.folder);
  std::string intro = "to compare: ";
  if (alike.size() < sweep.jobs.size()) {
    const std::string start = common_start(alike, sweep);
    if (start.empty()) {
      return fmt::format("to compare, each data set on its own: scripts/report.py {}", runs);
    }
    intro = "to compare, each data set on its own: ";
    runs += fmt::format("/{}*", start);
  }
  // `rbegin`: some may have no target.
  const std::string target = targets.size() > 1 ? " --target " + *targets.rbegin() : "";
  return fmt::format("{}dropmuon compare {}{}", intro, runs, target);
}

void warn_of_unfinished(const SweepReport& report) {
  std::vector<std::string> diverged;
  for (const JobReport& job : report.jobs) {
    if (job.state == JobState::diverged) diverged.push_back(job.label);
    if (job.state == JobState::failed) {
      log::warning("{} failed: {}; see {}/job.log", job.label, job.reason, job.folder);
    }
    if (job.state == JobState::left) {
      log::warning("{} is left unfinished: {}", job.label, job.reason);
    }
  }
  if (!diverged.empty()) {
    log::warning("{} job{} diverged: {}", diverged.size(), plural(diverged.size()),
                 fmt::join(diverged, ", "));
  }
  if (!report.idle_layers.empty()) log::warning("{}", report.idle_layers);
}

ExitCode conclude(const Sweep& sweep, const SweepResult& result) {
  const SweepReport& report = result.report;
  if (result.end == SweepEnd::killed) std::_Exit(kSignalledExit + last_stop_signal());
  warn_of_unfinished(report);
  print(report.folder + "\n");
  const std::size_t all = report.jobs.size();
  const std::size_t failed = report.count(JobState::failed);
  if (report.finished() == all) {
    log::info("{} job{} finished; {}", all, plural(all), compare_hint(sweep));
    return ExitCode::ok;
  }
  const std::size_t left = report.count(JobState::left);
  if (result.end == SweepEnd::complete && failed == 0 && left > 0) {
    fail(ExitCode::stopped,
         "{} of {} jobs finished, {} left to other processes; the same command "
         "goes on",
         report.finished(), all, left);
  }
  if (result.end == SweepEnd::stopped || failed == 0) {
    fail(ExitCode::stopped, "stopped with {} of {} jobs finished; the same command goes on",
         report.finished(), all);
  }
  fail(ExitCode::internal, "{} of {} jobs failed; the same command tries them again", failed, all);
}

std::vector<std::string> boards_for(const Sweep& sweep) {
  const bool none = std::all_of(sweep.jobs.begin(), sweep.jobs.end(), [](const SweepJob& job) {
    return job.config.device.device == "cpu";
  });
  return none ? std::vector<std::string>() : board_settings();
}

ExitCode run(const Sweep& sweep, const SweepArguments& arguments) {
  notice_children();
  std::vector<std::string> boards = boards_for(sweep);
  // Other than training, which a second signal ends at once, a sweep has to end its jobs first.
  answer_signals(SecondRequest::is_counted);
  SweepTable table(arguments.quiet ? Verbosity::quiet : Verbosity::normal);
  const SweepRunOptions options{.slots = arguments.jobs.value_or(1),
                                .retries = arguments.retries,
                                .tick = table.tick(),
                                .boards = std::move(boards)};
  return conclude(sweep, run_sweep(sweep, options, {stop_requests, checkpoint_requested}, table));
}

}  // namespace

void add_sweep(CLI::App& app, SweepArguments& arguments) {
  CLI::App* command = app.add_subcommand(
      "sweep", "Run many configurations: cases, grids, random draws, seeds; safe to repeat");
  command->footer("Example: dropmuon sweep configs/studies/sampling_small.yaml -j 2");
  command->add_option("sweep", arguments.file, "YAML file of the sweep")
      ->required()
      ->type_name("SWEEP")
      ->transform(expanded_path);
  command->add_option("overrides", arguments.overrides, "Dotted keys for every job")
      ->type_name("KEY=VALUE");
  command->add_option("-j,--jobs", arguments.jobs, "Jobs at a time, each with its share of CPUs")
      ->check(CLI::Range(1, 4096))
      ->type_name("N")
      ->default_str("1");
  command->add_option("--retries", arguments.retries, "Of a job whose failure may pass")
      ->check(CLI::Range(0, 100))
      ->type_name("R")
      ->capture_default_str();
  CLI::Option* dry =
      command->add_flag("--dry-run", arguments.dry_run, "List the jobs and what they will cost");
  command->add_option("--emit", arguments.emit, "Print a script for a scheduler: slurm or parallel")
      ->check(CLI::IsMember({"slurm", "parallel"}))
      ->type_name("KIND")
      ->excludes(dry);
  command->add_flag("-q,--quiet", arguments.quiet, "No progress; only what went wrong");
}

ExitCode command_sweep(const SweepArguments& arguments) {
  if (arguments.quiet) log::set_level(log::Level::warning);
  const Sweep sweep = load_sweep(arguments.file, arguments.overrides);
  if (!arguments.dry_run && arguments.emit.empty()) return run(sweep, arguments);
  if (arguments.dry_run) {
    print(dry_run_text(sweep));
  } else {
    emit(sweep, arguments.emit, arguments.jobs.value_or(0));
  }
  return ExitCode::ok;
}

}  // namespace dropmuon
