// SPDX-License-Identifier: MIT
// Reasons not to trust a comparison: refusals and warnings.
#include <string>
#include <vector>

#include "compare_fixture.h"

using namespace dropmuon;

TEST_CASE("machines and builds are not mixed, unless that is forced") {
  const FakeRuns runs;
  const std::string a = runs.add("a", run_to_target(0, 5, {kTarget}));
  FakeRun other = run_to_target(1, 6, {kTarget});
  other.threads = 64;
  const std::string b = runs.add("b", other);
  const std::string message = refused_because({.paths = {a, b}});
  CHECK_THAT(message, Catch::Contains(a) && Catch::Contains(b) && Catch::Contains("--force") &&
                          Catch::Contains("threads is '2' in one and '64' in the other"));
  const Comparison forced = compare_runs({.paths = {a, b}, .machines = MixedMachines::allow});
  CHECK(forced.machines.size() == 2);
  CHECK(warnings_with(forced, "2 machines or builds") == 1);
  CHECK(forced.groups.size() == 1);
  FakeRun rebuilt = run_to_target(2, 7, {kTarget});
  rebuilt.commit = "def";
  CHECK_THAT(refused_because({.paths = {a, runs.add("c", rebuilt)}}), Catch::Contains("commit"));
}

TEST_CASE("other hosts and other data files are warnings") {
  const FakeRuns runs;
  runs.add("a", run_to_target(0, 5, {kTarget}));
  FakeRun other = run_to_target(1, 6, {kTarget});
  other.host = "there";
  other.data_hash = "d2";
  runs.add("b", other);
  const Comparison result = compare_runs({.paths = {runs.path()}});
  CHECK(warnings_with(result, "2 hosts") == 1);
  CHECK(warnings_with(result, "other synthetic files") == 1);
}

TEST_CASE("files that are not the official ones are named, once") {
  const FakeRuns runs;
  FakeRun run = run_to_target(0, 5, {kTarget});
  run.verdict = "not the official files (hashes differ)";
  runs.add("a", run);
  run.overrides = {kTarget, "seed=1"};
  runs.add("b", run);
  CHECK(compare_runs({.paths = {runs.path()}}).warnings ==
        std::vector<std::string>{"synthetic: not the official files (hashes differ); these are no "
                                 "results on the data set of that name"});
}

TEST_CASE("misses that had less time than others needed are named") {
  const FakeRuns runs;
  runs.add("a0", run_to_target(0, 30, {kTarget, kSgd}));
  runs.add("a1", missing(1, 9, {kTarget, kSgd}));  // the others needed 8 s at most
  runs.add("b0", run_to_target(0, 8, {kTarget, kMuon}));
  runs.add("b1", missing(1, 20, {kTarget, kMuon}));
  runs.add("b2", missing(2, 30, {kTarget, kMuon}));  // as long as the slowest
  runs.add("b3", missing(3, 12.5, {kTarget, kMuon}));
  FakeRun diverged = missing(4, 1, {kTarget, kMuon});  // had all the time it wanted
  diverged.status = "diverged";
  runs.add("b4", diverged);
  const Comparison result = compare_runs({.paths = {runs.path()}});
  CHECK(warnings_with(result,
                      "optimizer.type=muon: 2 misses ended after 12.5 .. 20 s, while "
                      "others took up to 30 s") == 1);
  CHECK(warnings_with(result, "misses ended") == 1);
}

TEST_CASE("misses without time in many groups are one warning") {
  const FakeRuns runs;
  runs.add("a", run_to_target(0, 30, {kTarget, kSgd}));
  for (const int rate : {1, 2, 3, 4}) {
    runs.add(fmt::format("b{}", rate),
             missing(0, rate, {kTarget, fmt::format("optimizer.lr={}", rate)}));
  }
  const Comparison result = compare_runs({.paths = {runs.path()}});
  CHECK(warnings_with(result,
                      "4 groups: 4 misses ended after 1 .. 4 s, while others took up to 30 "
                      "s") == 1);
  CHECK(result.warnings.size() == 1);
}

TEST_CASE("equal seeds and unusual speeds are warnings, equal seeds are no pairs") {
  const FakeRuns runs;
  const std::vector<double> paces = {1.0, 1.01, 0.99, 1.02, 3.0};
  for (std::size_t i = 0; i < paces.size(); ++i) {
    FakeRun run = run_to_target(i == 1 ? 0 : i, 5 + static_cast<double>(i), {kTarget});
    run.evaluations.back().seconds *= paces[i];
    runs.add(fmt::format("r{}", i), run);
    FakeRun pair = run_to_target(i == 1 ? 0 : i, 6 + static_cast<double>(i), {kTarget, kSgd});
    runs.add(fmt::format("s{}", i), pair);
  }
  const Comparison result = compare_runs({.paths = {runs.path()}});
  CHECK(warnings_with(result, "/r4 is an outlier") == 1);
  CHECK(warnings_with(result, "outlier") == 1);
  CHECK(warnings_with(result, "5 runs, but 4 different seeds") == 2);
  CHECK(result.groups[1].pairing == Pairing::independent);
}

TEST_CASE("a device without a number of threads is a machine like any other") {
  const FakeRuns runs;
  FakeRun run = run_to_target(0, 5, {kTarget});
  run.threads = 0;
  runs.add("a", run);
  const Comparison result = compare_runs({.paths = {runs.path()}});
  REQUIRE(result.machines.size() == 1);
  CHECK_THAT(result.machines[0], Catch::StartsWith("cpu: Abacus, oneDNN 2.6.3; "));
}
