// SPDX-License-Identifier: MIT
// What each group of runs needs.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>

#include "groups.h"
#include "obstacles.h"
#include "validity.h"
#include <dropmuon/core/error.h>
#include <dropmuon/experiments/compare.h>

namespace dropmuon {
namespace {

namespace fs = std::filesystem;

// --- reading ----------------------------------------------------------------------------------

// Where runs are, and what was left out on the way there.
std::vector<std::string> folders_of(const CompareOptions& options,
                                    std::vector<std::string>& warnings) {
  if (options.bad_runs == BadRuns::refuse) return runs_in_order(options.paths);
  std::vector<std::string> problems;
  std::vector<std::string> folders = runs_in_order(options.paths, &problems);
  if (folders.empty()) fail(ExitCode::missing_input, "{}", problems.front());
  for (const std::string& problem : problems) warnings.push_back("left out: " + problem);
  return folders;
}

// The advice to leave it out, which was taken, is no part of why.
std::string without_advice(std::string message) {
  if (message.ends_with(kSkipAdvice)) message.resize(message.size() - kSkipAdvice.size());
  return message;
}

std::vector<ComparedRun> read_runs(const CompareOptions& options,
                                   std::vector<std::string>& warnings) {
  std::vector<ComparedRun> runs;
  std::set<std::string> seen;
  std::map<std::string, std::string> digests;
  for (const std::string& folder : folders_of(options, warnings)) {
    std::error_code error;
    const std::string whole = fs::canonical(folder, error).string();
    if (!seen.insert(error ? folder : whole).second) {
      warnings.push_back(fmt::format("run {} was given twice and is counted once", folder));
      continue;
    }
    try {
      ComparedRun run = read_run(folder);
      const auto [other, first] = digests.emplace(run.digest, folder);
      if (first) {
        runs.push_back(std::move(run));
      } else {
        warnings.push_back(fmt::format("run {} is a copy of {} (the same metrics) and is left out",
                                       folder, other->second));
      }
    } catch (const Error& bad) {
      if (options.bad_runs == BadRuns::refuse) throw;
      warnings.push_back("left out: " + without_advice(bad.what()));
    }
  }
  if (runs.empty()) fail(ExitCode::bad_data, "no run is left to compare: all are bad");
  return runs;
}

// --- the target -------------------------------------------------------------------------------

std::string words(const std::optional<Target>& target) {
  return target ? to_text(*target) : "none";
}

std::optional<Target> common_target(const std::vector<ComparedRun>& runs,
                                    const CompareOptions& options) {
  if (options.target) return options.target;
  for (const ComparedRun& run : runs) {
    if (words(run.own_target) == words(runs.front().own_target)) continue;
    fail(
        ExitCode::bad_data,
        "the runs have different targets: {} in {}, {} in {}; name one for all with --target, such "
        "as --target test/accuracy=0.9",
        words(runs.front().own_target), runs.front().folder, words(run.own_target), run.folder);
  }
  return runs.front().own_target;
}

void apply_target(std::vector<ComparedRun>& runs, Comparison& result) {
  if (!result.target) {
    result.warnings.emplace_back(
        "no target: the runs' configs have none; --target test/accuracy=0.9 gives one");
    return;
  }
  std::size_t hits = 0;
  std::size_t ended_early = 0;
  for (ComparedRun& run : runs) {
    run.costs = costs_to_target(run, *result.target);
    if (is_hit(run)) {
      ++hits;
    } else if (run.own_target && run.own_target->stop_at_target &&
               std::isfinite(costs_to_target(run, *run.own_target).front())) {
      ++ended_early;
    }
  }
  if (ended_early > 0) {
    result.warnings.push_back(fmt::format(
        "{} of {} runs ended at a target of their own before they could reach {}; they count as "
        "misses",
        ended_early, runs.size(), to_text(*result.target)));
  }
  if (hits == 0) {
    result.warnings.push_back(fmt::format("no run reached the target {}", to_text(*result.target)));
  }
}

// --- statistics -------------------------------------------------------------------------------

std::vector<double> costs_of(const ComparedGroup& group, std::size_t cost) {
  std::vector<double> values;
  for (const ComparedRun& run : group.runs) values.push_back(run.costs[cost]);
  return values;
}

Pairing pairing(const ComparedGroup& a, const ComparedGroup& b) {
  std::set<std::uint64_t> seeds;
  if (a.runs.size() != b.runs.size()) return Pairing::independent;
  for (std::size_t i = 0; i < a.runs.size(); ++i) {
    if (a.runs[i].seed != b.runs[i].seed || !seeds.insert(a.runs[i].seed).second) {
      return Pairing::independent;
    }
  }
  return Pairing::by_seed;
}

void summarise_runs(ComparedGroup& group, std::vector<std::string>& warnings) {
  std::stable_sort(group.runs.begin(), group.runs.end(),
                   [](const ComparedRun& a, const ComparedRun& b) { return a.seed < b.seed; });
  std::vector<double> final_accuracy;
  std::vector<double> best_accuracy;
  std::vector<double> step_seconds;
  std::set<std::uint64_t> seeds;
  for (const ComparedRun& run : group.runs) {
    if (is_hit(run)) ++group.reached;
    if (run.status == RunStatus::diverged) ++group.diverged;
    final_accuracy.push_back(run.final_accuracy);
    best_accuracy.push_back(run.best_accuracy);
    step_seconds.push_back(run.seconds_per_step);
    seeds.insert(run.seed);
  }
  group.final_accuracy = spread(final_accuracy);
  group.best_accuracy = spread(best_accuracy);
  group.seconds_per_step = median(step_seconds);
  if (seeds.size() < group.runs.size()) {
    warnings.push_back(
        fmt::format("{}: {} runs, but {} different seeds; each counts as a run of its own",
                    group.label, group.runs.size(), seeds.size()));
  }
  for (const std::size_t i : outliers(step_seconds)) {
    warnings.push_back(
        fmt::format("run {} is an outlier: {:.4g} ms per step, the median of its group is {:.4g}",
                    group.runs[i].folder, 1e3 * step_seconds[i], 1e3 * group.seconds_per_step));
  }
}

void summarise_costs(ComparedGroup& group, const ComparedGroup& baseline) {
  group.pairing = pairing(group, baseline);
  for (std::size_t cost = 0; cost < kCostCount; ++cost) {
    const std::vector<double> values = costs_of(group, cost);
    CostSummary& summary = group.costs[cost];
    summary.median = median(values);
    summary.interval = median_interval(values);
    if (&group == &baseline) continue;
    const std::vector<double> others = costs_of(baseline, cost);
    summary.ratio = median_ratio(values, others);
    if (summary.ratio) {
      summary.ratio_interval = median_ratio_interval(values, others, group.pairing);
    }
  }
}

}  // namespace

Comparison compare_runs(const CompareOptions& options) {
  Comparison result;
  std::vector<ComparedRun> runs = read_runs(options, result.warnings);
  check_machines(runs, options.machines, result);
  warn_of_data(runs, result.warnings);
  warn_of_accidents(runs, result.warnings);
  result.target = common_target(runs, options);
  apply_target(runs, result);
  result.groups = make_groups(std::move(runs));
  result.baseline = find_baseline(result.groups, options.baseline);
  for (ComparedGroup& group : result.groups) summarise_runs(group, result.warnings);
  for (ComparedGroup& group : result.groups) {
    if (result.target) summarise_costs(group, result.groups[result.baseline]);
  }
  warn_of_short_misses(result);
  warn_of_evaluations(result);
  if (result.target) find_obstacles(result);
  return result;
}

}  // namespace dropmuon
