// SPDX-License-Identifier: MIT
#include "validity.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "groups.h"
#include <dropmuon/core/error.h>
#include <dropmuon/runner/idle_layers.h>

namespace dropmuon {
namespace {

std::string machine_line(const NamedValues& machine) {
  std::map<std::string, std::string> of(machine.begin(), machine.end());
  const std::string threads = of["threads"].empty() ? "" : of["threads"] + " threads, ";
  return fmt::format("{}: {}, {}{}; dropmuon {} (commit {}, {}, {}, instruction set {})",
                     of["device"], of["name"], threads, of["libraries"], of["version"],
                     of["commit"], of["compiler"], of["build type"], of["instruction set"]);
}

std::string difference(const NamedValues& a, const NamedValues& b) {
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    if (a[i] == b[i]) continue;
    return fmt::format("{} is '{}' in one and '{}' in the other", a[i].first, a[i].second,
                       b[i].second);
  }
  return "";
}

void add_machine(const ComparedRun& first, const ComparedRun& run, const RunOrigin& origin,
                 MixedMachines mixed, Comparison& result) {
  const std::string differs = difference(first.origins.front().machine, origin.machine);
  if (!differs.empty() && mixed == MixedMachines::refuse) {
    const std::string where = &origin == &run.origins.front() ? "" : " (where it was resumed)";
    fail(ExitCode::bad_data,
         "{} and {}{} come from different machines or builds: {}; their seconds do not compare; "
         "--force compares them anyway",
         first.folder, run.folder, where, differs);
  }
  const std::string line = machine_line(origin.machine);
  if (std::find(result.machines.begin(), result.machines.end(), line) == result.machines.end()) {
    result.machines.push_back(line);
  }
}

// A line for each run that had any, or one for all if those would bury the other warnings.
void warn_of(const std::vector<ComparedRun>& runs, std::uint64_t ComparedRun::*times,
             const std::string& what, const std::string& effect,
             std::vector<std::string>& warnings) {
  constexpr std::size_t kManyRuns = 5;
  std::vector<std::string> lines;
  std::uint64_t sum = 0;
  for (const ComparedRun& run : runs) {
    if (run.*times == 0) continue;
    sum += run.*times;
    lines.push_back(fmt::format("run {} {} {}: {}", run.folder, what,
                                run.*times == 1 ? "once" : fmt::format("{} times", run.*times),
                                effect));
  }
  if (lines.size() > kManyRuns) {
    lines = {fmt::format("{} of {} runs {}, {} times in all: {}", lines.size(), runs.size(), what,
                         sum, effect)};
  }
  warnings.insert(warnings.end(), lines.begin(), lines.end());
}

double slowest_hit_beside(const ComparedGroup& group, const Comparison& comparison) {
  double slowest = 0.0;
  for (const ComparedGroup& other : comparison.groups) {
    if (&other != &group) slowest = std::max(slowest, slowest_hit(other));
  }
  return slowest;
}

std::string words_on_misses(const std::string& who, const std::vector<double>& ends,
                            double enough) {
  const auto [first, last] = std::minmax_element(ends.begin(), ends.end());
  const std::string after = *first == *last ? fmt::format("{:.3g}", *first)
                                            : fmt::format("{:.3g} .. {:.3g}", *first, *last);
  return fmt::format(
      "{}: {} miss{} ended after {} s, while others took up to {:.3g} s to the target: misses "
      "compare only after equal seconds",
      who, ends.size(), ends.size() == 1 ? "" : "es", after, enough);
}

}  // namespace

bool is_hit(const ComparedRun& run) { return std::isfinite(run.costs.front()); }

double slowest_hit(const ComparedGroup& group) {
  double slowest = 0.0;
  for (const ComparedRun& run : group.runs) {
    if (is_hit(run)) slowest = std::max(slowest, run.costs.front());
  }
  return slowest;
}

std::vector<double> short_misses(const ComparedGroup& group, double needed) {
  constexpr double kShort = 0.9;  // runs of equal steps differ by as much
  std::vector<double> ends;
  for (const ComparedRun& run : group.runs) {
    const double last = run.evaluations.back()[Metric::train_seconds];
    const bool counts = !is_hit(run) && run.status != RunStatus::diverged;
    if (counts && last < kShort * needed) ends.push_back(last);
  }
  return ends;
}

std::string when_evaluated(const ComparedGroup& group, const Comparison& comparison) {
  std::vector<std::string> keys = {"train.eval_every_steps", "train.eval_every_epochs"};
  const TargetMetric metric = comparison.target->metric;
  if (metric == TargetMetric::train_accuracy || metric == TargetMetric::train_loss) {
    keys.emplace_back("train.eval_train_images");
  }
  std::string words;
  for (const std::string& key : keys) {
    const std::string value = value_of(group.runs.front(), key);
    words += fmt::format("{}{}={}", words.empty() ? "" : " ", key, value.empty() ? "null" : value);
  }
  return words;
}

void check_machines(const std::vector<ComparedRun>& runs, MixedMachines mixed, Comparison& result) {
  std::set<std::string> hosts;
  std::map<std::string, std::string> data;  // of each data set
  for (const ComparedRun& run : runs) {
    const std::string dataset = value_of(run, "data.dataset");
    bool other_data = false;
    for (const RunOrigin& origin : run.origins) {
      add_machine(runs.front(), run, origin, mixed, result);
      hosts.insert(origin.host);
      other_data |= data.emplace(dataset, origin.data).first->second != origin.data;
    }
    if (other_data) {
      result.warnings.push_back(
          fmt::format("run {} read other {} files than runs before it", run.folder, dataset));
    }
  }
  if (result.machines.size() > 1) {
    result.warnings.push_back(fmt::format(
        "the runs come from {} machines or builds: seconds and their ratios mean little",
        result.machines.size()));
  } else if (hosts.size() > 1) {
    result.warnings.push_back(
        fmt::format("the runs come from {} hosts with machines of one kind", hosts.size()));
  }
}

void warn_of_data(const std::vector<ComparedRun>& runs, std::vector<std::string>& warnings) {
  std::set<std::string> lines;
  for (const ComparedRun& run : runs) {
    for (const RunOrigin& origin : run.origins) {
      if (!origin.verdict.starts_with("not ")) continue;
      lines.insert(fmt::format("{}: {}; these are no results on the data set of that name",
                               value_of(run, "data.dataset"), origin.verdict));
    }
  }
  warnings.insert(warnings.end(), lines.begin(), lines.end());
}

void warn_of_accidents(const std::vector<ComparedRun>& runs, std::vector<std::string>& warnings) {
  warn_of(runs, &ComparedRun::rollbacks, "went back to a checkpoint",
          "undone steps are in the seconds and FLOPs, not in the steps", warnings);
  warn_of(runs, &ComparedRun::skipped_steps, "left out a step",
          "such a step counts, but moved no weight", warnings);
  std::vector<std::pair<std::string, std::string>> idle;
  for (const ComparedRun& run : runs) idle.emplace_back("run " + run.folder, run.idle_layers);
  const std::string line = idle_layers_of(idle);
  if (!line.empty()) warnings.push_back(line);
}

void warn_of_short_misses(Comparison& comparison) {
  constexpr std::size_t kManyGroups = 3;  // more would bury the other warnings
  std::vector<std::string> lines;
  std::vector<double> all_ends;
  double most = 0.0;
  for (const ComparedGroup& group : comparison.groups) {
    const double enough = slowest_hit_beside(group, comparison);
    const std::vector<double> ends = short_misses(group, enough);
    if (ends.empty()) continue;
    most = std::max(most, enough);
    all_ends.insert(all_ends.end(), ends.begin(), ends.end());
    lines.push_back(words_on_misses(group.label, ends, enough));
  }
  if (lines.size() > kManyGroups) {
    lines = {words_on_misses(fmt::format("{} groups", lines.size()), all_ends, most)};
  }
  comparison.warnings.insert(comparison.warnings.end(), lines.begin(), lines.end());
}

void warn_of_evaluations(Comparison& comparison) {
  if (!comparison.target) return;
  std::vector<std::string> ways;
  for (const ComparedGroup& group : comparison.groups) {
    const std::string way = when_evaluated(group, comparison);
    if (std::find(ways.begin(), ways.end(), way) == ways.end()) ways.push_back(way);
  }
  if (ways.size() < 2) return;
  comparison.warnings.push_back(fmt::format(
      "groups were evaluated in different ways ({} and {}): a target is met at an evaluation, so "
      "late where they are rare, and by luck where they are many",
      ways[0], ways.size() == 2 ? ways[1] : fmt::format("{} other ways", ways.size() - 1)));
}

}  // namespace dropmuon
