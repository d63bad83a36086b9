// SPDX-License-Identifier: MIT
#include "obstacles.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "groups.h"
#include "validity.h"

namespace dropmuon {
namespace {

// With no difference at all, the interval of a ratio paired by seed leaves out 1 in 48 % of
// comparisons of 2 runs a group, 25 % of 3, 6 % of 5 (simulated, log-normal times).
constexpr std::size_t kFewestSeeds = 5;

std::size_t seeds(const ComparedGroup& group) {
  std::set<std::uint64_t> different;
  for (const ComparedRun& run : group.runs) different.insert(run.seed);
  return different.size();
}

// Repetitions of one seed say how the clock varies, not how training does; the interval takes them
// for independent runs.
bool repeats_seeds(const ComparedGroup& group) { return seeds(group) < group.runs.size(); }

bool on_one_machine(const ComparedGroup& a, const ComparedGroup& b) {
  std::set<NamedValues> machines;
  for (const ComparedGroup* group : {&a, &b}) {
    for (const ComparedRun& run : group->runs) {
      for (const RunOrigin& origin : run.origins) machines.insert(origin.machine);
    }
  }
  return machines.size() == 1;
}

std::set<std::string> data_of(const ComparedGroup& group) {
  std::set<std::string> files;
  for (const ComparedRun& run : group.runs) {
    for (const RunOrigin& origin : run.origins) {
      files.insert(value_of(run, "data.dataset") + origin.data);
    }
  }
  return files;
}

bool has_short_misses(const ComparedGroup& group, const ComparedGroup& other) {
  return !short_misses(group, slowest_hit(other)).empty();
}

}  // namespace

void find_obstacles(Comparison& comparison) {
  const ComparedGroup& baseline = comparison.groups[comparison.baseline];
  for (ComparedGroup& group : comparison.groups) {
    if (&group == &baseline) continue;
    if (!on_one_machine(group, baseline)) {
      group.no_claim.emplace_back("the runs come from different machines or builds");
    }
    if (data_of(group) != data_of(baseline)) {
      group.no_claim.emplace_back("the sides read other data");
    }
    const std::size_t fewest = std::min(seeds(group), seeds(baseline));
    if (fewest < kFewestSeeds) {
      group.no_claim.push_back(fmt::format("{} seed{} a side {} too few, {} are the least", fewest,
                                           fewest == 1 ? "" : "s", fewest == 1 ? "is" : "are",
                                           kFewestSeeds));
    }
    if (repeats_seeds(group) || repeats_seeds(baseline)) {
      group.no_claim.emplace_back("seeds are repeated, and the interval takes them for others");
    }
    if (has_short_misses(group, baseline) || has_short_misses(baseline, group)) {
      group.no_claim.emplace_back("misses had less time than the other side needed");
    }
    if (when_evaluated(group, comparison) != when_evaluated(baseline, comparison)) {
      group.no_claim.emplace_back("the sides were evaluated in different ways");
    }
  }
}

}  // namespace dropmuon
