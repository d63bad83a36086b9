// SPDX-License-Identifier: MIT
// Finished runs side by side: what each group of settings needs to reach a target, and how sure
// that is. Only reads run folders.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dropmuon/experiments/compare_statistics.h>
#include <dropmuon/runner/run_folder.h>
#include <dropmuon/training/metrics.h>
#include <dropmuon/training/options.h>

namespace dropmuon {

// What reaching a target costs. Seconds are time/train_s: no evaluation, logging or saving.
enum class Cost : std::size_t { seconds, steps, samples, flops, count };
inline constexpr std::size_t kCostCount = static_cast<std::size_t>(Cost::count);
const std::string& name_of(Cost cost);
using Costs = std::array<double, kCostCount>;  // all infinite: the target was missed

using NamedValues = std::vector<std::pair<std::string, std::string>>;

// One process that worked on a run.
struct RunOrigin {
  NamedValues machine;  // device, name, threads, libraries and how the program was built
  std::string host;     // two hosts may have machines of one kind
  std::string data;     // data set with the hashes of its files
  std::string verdict;  // "official files", "not the official files (hashes differ)", ..
};

// A run folder, read and checked.
struct ComparedRun {
  std::string folder;
  std::string name;
  std::uint64_t seed = 0;
  RunStatus status = RunStatus::done;  // or diverged
  NamedValues settings;            // the resolved config by dotted key, in the order of the schema
  std::vector<RunOrigin> origins;  // where it began, then everywhere it was resumed
  std::string digest;  // of config and metrics: two folders with the same one are copies
  std::optional<Target> own_target;
  std::vector<MetricsRow> evaluations;  // rows of metrics.jsonl that have a test accuracy
  double final_accuracy = 0.0;          // of the last evaluation, on the test set
  double best_accuracy = 0.0;
  double seconds_per_step = 0.0;  // over the whole run; 0 without steps
  std::uint64_t rollbacks = 0;    // the undone steps are in seconds and flops, but not in steps
  std::uint64_t skipped_steps = 0;
  std::string idle_layers;  // layers that took no part, in words; "": none, or it is not known
  Costs costs{};            // to the target of the comparison
  Costs end{};              // of the whole run
};

// The folders of runs at or below `path`, sorted: at most three folders deep, as in
// runs/NAME/STAMP. A run folder has at least two of config.yaml, provenance.json, metrics.jsonl,
// summary.json and STATUS. Throws Error(missing_input) if there is no such folder or no run in it,
// or if one cannot be looked into; with `problems` each of that is a line there instead.
std::vector<std::string> find_run_folders(const std::string& path,
                                          std::vector<std::string>* problems = nullptr);

// The run folders of all paths, path by path. But runs of one sweep are, among themselves, in the
// order in which the sweep.yaml beside them lists their cases, then the values of its grid, however
// they are given: its folder, or its runs one by one. Those that it does not name come last; a
// folder without a sweep.yaml, or with one that cannot be read, changes nothing.
std::vector<std::string> runs_in_order(const std::vector<std::string>& paths,
                                       std::vector<std::string>* problems = nullptr);

// Ends the message of read_run() for a bad run.
inline constexpr std::string_view kSkipAdvice = "; --skip-bad leaves it out";

// Throws Error(bad_data), naming folder and file, for a run that is damaged or did not end: STATUS
// waiting, running, stopped or failed. A diverged run has ended; it missed what it missed.
ComparedRun read_run(const std::string& folder);

// What had been spent when the row was written.
Costs costs_at(const MetricsRow& row);

// At the first evaluation at or beyond the target.
Costs costs_to_target(const ComparedRun& run, const Target& target);

// "test/accuracy=0.9" (at least), "train/loss=0.1" (at most). Throws Error(usage).
Target parse_target(const std::string& text);
std::string to_text(const Target& target);  // "test/accuracy >= 0.9"

struct CostSummary {
  double median = 0.0;  // infinite: half of the runs or more missed the target
  std::optional<Interval> interval;
  std::optional<double> ratio;  // median / median of the baseline; none for the baseline itself
  std::optional<Interval> ratio_interval;
};

// Runs whose settings are the same but for seed, name, runs_dir, data.root, threads and where and
// when state is saved.
struct ComparedGroup {
  std::string label;  // the settings in which the groups differ, "optimizer.type=muon"; or a name
  std::vector<ComparedRun> runs;  // by seed
  std::size_t reached = 0;
  std::size_t diverged = 0;
  Pairing pairing = Pairing::independent;  // by_seed: the same seeds as the baseline, each once
  std::array<CostSummary, kCostCount> costs;
  Spread final_accuracy;
  Spread best_accuracy;
  double seconds_per_step = 0.0;  // median
  // Why no difference to the baseline in what the target costs can be claimed, whatever the
  // intervals say. Empty: they decide.
  std::vector<std::string> no_claim;
};

struct Comparison {
  std::optional<Target> target;
  std::size_t baseline = 0;
  std::vector<ComparedGroup> groups;  // in the order in which they were met
  std::vector<std::string> machines;  // one line for each kind
  std::vector<std::string> warnings;
};

enum class MixedMachines { refuse, allow };
enum class BadRuns { refuse, leave_out };

struct CompareOptions {
  std::vector<std::string> paths;
  std::optional<Target> target;  // none: that of the runs' configs, which must agree
  // A group's label, part of one, a name or a folder; "": the group of the first run, which in a
  // sweep is of its first case.
  std::string baseline;
  MixedMachines machines = MixedMachines::refuse;
  BadRuns bad_runs = BadRuns::refuse;
};

// Throws Error: missing_input without runs; bad_data for a bad run, for runs of different machines
// or builds, and for configs with different targets; usage for an unknown baseline.
Comparison compare_runs(const CompareOptions& options);

// Aligned columns; those that do not fit into `width` characters (0: no limit) follow in a second
// block below the first, and long labels become letters with a legend.
std::string to_text(const Comparison& comparison, std::size_t width);
std::string to_markdown(const Comparison& comparison);
// For other programs: a row per group (CSV), or groups with all their runs (JSON). Numbers are not
// rounded; "inf" is a missed target, empty or null is what does not exist.
std::string to_csv(const Comparison& comparison);
std::string to_json(const Comparison& comparison);

}  // namespace dropmuon
