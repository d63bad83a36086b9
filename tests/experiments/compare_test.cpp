// SPDX-License-Identifier: MIT
// Groups, targets, baselines and refusals, on made-up runs whose results are worked out by hand.
#include <cmath>
#include <limits>

#include "catch.h"
#include "compare_fixture.h"
#include <dropmuon/core/error.h>
#include <dropmuon/experiments/compare.h>

using namespace dropmuon;

namespace {

const CostSummary& cost(const ComparedGroup& group, Cost which) {
  return group.costs[static_cast<std::size_t>(which)];
}

}  // namespace

TEST_CASE("a comparison worked out by hand: misses, pairs, one seed, two seeds") {
  const FakeRuns runs;
  // SGD reaches 0.9 after 10, 20, 30, 40 s and never; Muon in half of the time, always.
  for (int seed = 0; seed < 4; ++seed) {
    runs.add(fmt::format("a{}", seed), run_to_target(seed, 10 * (seed + 1), {kTarget, kSgd}));
  }
  runs.add("a4", missing(4, 50, {kTarget, kSgd}));
  for (int seed = 0; seed < 5; ++seed) {
    runs.add(fmt::format("b{}", seed), run_to_target(seed, 5 * (seed + 1), {kTarget, kMuon}));
  }
  runs.add("c0", missing(0, 8, {kTarget, "optimizer.type=adamw"}));
  const std::string cyclic = "sampling.scheme=cyclic";
  runs.add("d7", run_to_target(7, 12, {kTarget, kSgd, cyclic}));
  runs.add("d8", run_to_target(8, 18, {kTarget, kSgd, cyclic}));

  const Comparison result = compare_runs({.paths = {runs.path()}});
  REQUIRE(result.target);
  CHECK(to_text(*result.target) == "test/accuracy >= 0.9");
  REQUIRE(result.groups.size() == 4);
  CHECK(result.baseline == 0);
  const ComparedGroup& sgd = result.groups[0];
  const ComparedGroup& muon = result.groups[1];
  const ComparedGroup& adamw = result.groups[2];
  const ComparedGroup& two = result.groups[3];
  CHECK(sgd.label == "optimizer.type=sgd sampling.scheme=uniform");
  CHECK(two.label == "optimizer.type=sgd sampling.scheme=cyclic");

  CHECK(sgd.reached == 4);
  CHECK(sgd.runs.size() == 5);
  CHECK(cost(sgd, Cost::seconds).median == 30);  // 10 20 30 40 inf
  check(cost(sgd, Cost::seconds).interval, 10, kInf);
  CHECK_FALSE(cost(sgd, Cost::seconds).ratio);
  // 0.9 four times and 0.5: mean 0.82, deviations 0.08 and -0.32, (4 * 0.0064 + 0.1024) / 4 =
  // 0.032.
  CHECK(sgd.final_accuracy.mean == Approx(0.82));
  CHECK(*sgd.final_accuracy.deviation == Approx(std::sqrt(0.032)));
  CHECK(sgd.seconds_per_step == Approx(0.1));

  CHECK(muon.reached == 5);
  CHECK(muon.pairing == Pairing::by_seed);
  CHECK(cost(muon, Cost::seconds).median == 15);
  CHECK(cost(muon, Cost::steps).median == 150);
  CHECK(cost(muon, Cost::samples).median == 15000);
  CHECK(cost(muon, Cost::flops).median == 150e6);
  check(cost(muon, Cost::seconds).interval, 5, 25);
  CHECK(*cost(muon, Cost::seconds).ratio == 0.5);
  check(cost(muon, Cost::seconds).ratio_interval, 0, 0.5);  // 25 / inf is 0

  CHECK(adamw.reached == 0);
  CHECK(cost(adamw, Cost::seconds).median == kInf);
  CHECK_FALSE(cost(adamw, Cost::seconds).interval);
  CHECK(*cost(adamw, Cost::seconds).ratio == kInf);
  CHECK_FALSE(cost(adamw, Cost::seconds).ratio_interval);
  CHECK_FALSE(adamw.final_accuracy.deviation);

  CHECK(two.pairing == Pairing::independent);
  CHECK(cost(two, Cost::seconds).median == 15);
  check(cost(two, Cost::seconds).interval, 12, 18);
  CHECK(*cost(two, Cost::seconds).ratio == 0.5);
  check(cost(two, Cost::seconds).ratio_interval, 0, 1.5);  // see compare_statistics_test.cpp
  CHECK(result.warnings ==
        std::vector<std::string>{
            "optimizer.type=adamw sampling.scheme=uniform: 1 miss ended after 8 s, while "
            "others took up to 40 s to the target: misses compare only after equal seconds"});
  CHECK(result.machines.size() == 1);
}

TEST_CASE("the target is met at the first evaluation at or beyond it, best and final differ") {
  const FakeRuns runs;
  const FakeRun run{.overrides = {"train.target.value=0.5"},
                    .evaluations = {{0, 0, 0.1}, {10, 1, 0.4}, {20, 2.5, 0.75}, {30, 4, 0.5}}};
  runs.add("a", run);
  const Comparison own = compare_runs({.paths = {runs.path()}});
  CHECK(own.groups[0].runs[0].costs == Costs{2.5, 20, 2000, 20e6});
  CHECK(own.groups[0].best_accuracy.mean == 0.75);
  CHECK(own.groups[0].final_accuracy.mean == 0.5);
  const auto costs = [&](const std::string& target) {
    return compare_runs({.paths = {runs.path()}, .target = parse_target(target)})
        .groups[0]
        .runs[0]
        .costs;
  };
  CHECK(costs("test/accuracy=0.4") == Costs{1, 10, 1000, 10e6});
  CHECK(costs("train/accuracy=0.75") == Costs{2.5, 20, 2000, 20e6});
  CHECK(costs("test/accuracy=0.751") == Costs{kInf, kInf, kInf, kInf});
  CHECK(costs("train/loss=0.25") == Costs{2.5, 20, 2000, 20e6});
  CHECK(costs("test/loss=0.24") == Costs{kInf, kInf, kInf, kInf});
}

TEST_CASE("a run that ended at its own easier target is a miss, and that is said") {
  const FakeRuns runs;
  runs.add("a", run_to_target(0, 5, {kTarget}));
  const Comparison result =
      compare_runs({.paths = {runs.path()}, .target = parse_target("test/accuracy=0.95")});
  CHECK(result.groups[0].reached == 0);
  CHECK(warnings_with(result, "1 of 1 runs ended at a target of their own") == 1);
  CHECK(warnings_with(result, "no run reached the target test/accuracy >= 0.95") == 1);
  CHECK(result.warnings.size() == 2);
  FakeRun went_on = run_to_target(0, 5, {kTarget, "train.target.stop_at_target=false"});
  const Comparison other = compare_runs(
      {.paths = {runs.add("b/b", went_on)}, .target = parse_target("test/accuracy=0.95")});
  CHECK(other.groups[0].reached == 0);
  CHECK(warnings_with(other, "of their own") == 0);
}

TEST_CASE("targets that differ are refused, none is a warning") {
  const FakeRuns runs;
  const std::string a = runs.add("a", run_to_target(0, 5, {kTarget}));
  const std::string b = runs.add("b", run_to_target(1, 6));
  const std::string c = runs.add("c", run_to_target(2, 7, {"train.target.value=0.8"}));
  CHECK_THAT(refused_because({.paths = {a, b}}), Catch::Contains("different targets") &&
                                                     Catch::Contains(a) && Catch::Contains(b) &&
                                                     Catch::Contains("--target"));
  CHECK_THAT(refused_because({.paths = {a, c}}), Catch::Contains("test/accuracy >= 0.8"));
  const auto all = compare_runs({.paths = {a, b, c}, .target = parse_target("test/accuracy=0.9")});
  CHECK(all.groups.size() == 3);  // where they stop is a setting
  CHECK(all.groups[1].label == "train.target=null");
  const Comparison none = compare_runs({.paths = {b}});
  CHECK_FALSE(none.target);
  CHECK(warnings_with(none, "no target") == 1);
}

TEST_CASE("seed, name, folders, threads and checkpoints make no groups, all else does") {
  const FakeRuns runs;
  runs.add("a", run_to_target(0, 5, {kTarget, "name=one", "runs_dir=x", "threads=1"}));
  runs.add("b", run_to_target(1, 6,
                              {kTarget, "name=two", "runs_dir=y", "threads=2", "checkpoint.keep=5",
                               "data.root=elsewhere"}));
  const Comparison same = compare_runs({.paths = {runs.path()}});
  REQUIRE(same.groups.size() == 1);
  CHECK(same.groups[0].label == "one");
  CHECK(same.groups[0].runs.size() == 2);
  runs.add("c", run_to_target(0, 5.1, {kTarget, "optimizer.lr=0.5", "model.channels=[8, 8, 8]"}));
  const Comparison more = compare_runs({.paths = {runs.path()}});
  REQUIRE(more.groups.size() == 2);
  CHECK(more.groups[1].label == "model.channels=[8, 8, 8] optimizer.lr=0.5");
  CHECK(more.groups[0].runs.size() == 2);
}

TEST_CASE("when state is saved makes groups of runs that may go back to it") {
  for (const std::string policy : {"stop", "rollback"}) {
    CAPTURE(policy);
    const FakeRuns runs;
    const std::string given = "train.non_finite.policy=" + policy;
    runs.add("a", run_to_target(0, 1.0, {given, "train.target.value=0.9"}));
    runs.add("b",
             run_to_target(0, 2.0, {given, "train.target.value=0.9", "checkpoint.every_steps=3"}));
    const Comparison result = compare_runs({.paths = {runs.path()}});
    REQUIRE(result.groups.size() == (policy == "stop" ? 1 : 2));
    if (policy == "rollback") CHECK(result.groups[1].label == "checkpoint.every_steps=3");
    // A run of another policy counts only by that.
    runs.add("c",
             run_to_target(0, 3.0, {"train.non_finite.policy=skip", "train.target.value=0.9"}));
    CHECK(compare_runs({.paths = {runs.path()}}).groups.back().label ==
          "train.non_finite.policy=skip");
  }
}

TEST_CASE("the baseline by label, part of it, name or folder") {
  const FakeRuns runs;
  const std::string a = runs.add("s/a", run_to_target(0, 4, {kTarget, kSgd, "name=first"}));
  runs.add("s/b", run_to_target(1, 6, {kTarget, kSgd, "name=first"}));
  const std::string c = runs.add("m/c", run_to_target(0, 10, {kTarget, kMuon, "name=last"}));
  const auto baseline = [&](const std::string& wanted) {
    return compare_runs({.paths = {runs.path() + "/s", runs.path() + "/m"}, .baseline = wanted})
        .baseline;
  };
  CHECK(baseline("") == 0);
  for (const std::string& wanted : {kMuon, std::string("last"), c, c + "/", runs.path() + "/m"}) {
    CAPTURE(wanted);
    CHECK(baseline(wanted) == 1);
  }
  CHECK(baseline(a) == 0);
  const Comparison by_muon = compare_runs({.paths = {runs.path()}, .baseline = kMuon});
  for (const ComparedGroup& group : by_muon.groups) {
    if (group.label == kSgd) CHECK(*cost(group, Cost::seconds).ratio == 0.5);
  }
  const std::vector<std::string> paths = {runs.path()};
  CHECK_THAT(refused_because({.paths = paths, .baseline = "optimizer.type=muom"}, ExitCode::usage),
             Catch::Contains("did you mean 'optimizer.type=muon'?"));
  // Both groups are below this folder.
  CHECK_THAT(refused_because({.paths = paths, .baseline = runs.path()}, ExitCode::usage),
             Catch::Contains("is no one group"));
}

TEST_CASE("a run counts once, however often it is given") {
  const FakeRuns runs;
  const std::string a = runs.add("deep/er/a", run_to_target(0, 5, {kTarget}));
  const Comparison twice =
      compare_runs({.paths = {a, runs.path(), runs.path() + "/deep/../deep/er/a/"}});
  CHECK(twice.groups[0].runs.size() == 1);
  CHECK(warnings_with(twice, "given twice") == 2);
  std::filesystem::copy(a, runs.path() + "/copy");
  const Comparison copied = compare_runs({.paths = {runs.path()}});
  CHECK(copied.groups[0].runs.size() == 1);
  CHECK(warnings_with(copied, "is a copy of") == 1);
}

TEST_CASE("only the same seeds make pairs") {
  const FakeRuns runs;
  for (int seed = 0; seed < 3; ++seed) {
    runs.add(fmt::format("a{}", seed), run_to_target(seed, 5 + seed, {kTarget, kMuon}));
    runs.add(fmt::format("b{}", seed), run_to_target(seed, 6 + seed, {kTarget, kSgd}));
    if (seed == 2) continue;
    runs.add(fmt::format("c{}", seed),
             run_to_target(seed, 7 + seed, {kTarget, kMuon, "optimizer.lr=1"}));
  }
  for (int seed = 1; seed < 4; ++seed) {
    runs.add(fmt::format("d{}", seed),
             run_to_target(seed, 8 + seed, {kTarget, kMuon, "optimizer.lr=2"}));
  }
  const Comparison result = compare_runs({.paths = {runs.path()}});
  REQUIRE(result.groups.size() == 4);
  CHECK(result.groups[1].pairing == Pairing::by_seed);
  CHECK(result.groups[2].pairing == Pairing::independent);  // one fewer
  CHECK(result.groups[3].pairing == Pairing::independent);  // others
}

TEST_CASE("runs are found three folders deep, and not inside each other") {
  const FakeRuns runs;
  runs.add("1/2/3", run_to_target(0, 5));
  runs.add("z/inner", run_to_target(1, 5));
  runs.add("z", run_to_target(2, 5));
  runs.add("1/2/x/4", run_to_target(3, 5));  // four deep
  runs.write("1/only-a-mark", "STATUS", "done\n");
  const std::vector<std::string> found = find_run_folders(runs.path());
  CHECK(found == std::vector<std::string>{runs.path() + "/1/2/3", runs.path() + "/z"});
  CHECK(find_run_folders(runs.path() + "/z/") == std::vector<std::string>{runs.path() + "/z"});
  CHECK_THAT(refused_because({.paths = {runs.path() + "/none"}}, ExitCode::missing_input),
             Catch::Contains("no folder"));
  CHECK_THAT(refused_because({.paths = {runs.path() + "/1/only-a-mark"}}, ExitCode::missing_input),
             Catch::Contains("no run in"));
}

TEST_CASE("targets on the command line are read strictly") {
  for (const std::string text :
       {"", "0.9", "test/accuracy", "test/accuracy=", "test/accuracy=90", "test/accuracy=0",
        "test/accuracy=-0.5", "test/accuracy=0.9x", "test/accuracy=nan", "test/loss=inf",
        "test/loss=0", "val/accuracy=0.5", "test_accuracy=0.9"}) {
    CAPTURE(text);
    try {
      parse_target(text);
      FAIL_CHECK("accepted");
    } catch (const Error& error) {
      CHECK(error.code() == ExitCode::usage);
    }
  }
  CHECK(parse_target("train/loss=1.5").metric == TargetMetric::train_loss);
  CHECK(parse_target("train/loss=1.5").value == 1.5);
}
