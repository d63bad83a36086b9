// SPDX-License-Identifier: MIT
// What keeps a difference from being claimed, and what a reader of the table is told of it.
#include <string>
#include <vector>

#include "compare_fixture.h"

using namespace dropmuon;

namespace {

using Reasons = std::vector<std::string>;

// Five seeds a side that say all there is to say.
void add_fair_sides(const FakeRuns& runs, const std::vector<std::string>& more = {}) {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const double wait = static_cast<double>(seed);
    std::vector<std::string> muon = {kTarget, kMuon};
    muon.insert(muon.end(), more.begin(), more.end());
    runs.add(fmt::format("a{}", seed), run_to_target(seed, 10 + wait, {kTarget, kSgd}));
    runs.add(fmt::format("b{}", seed), run_to_target(seed, 5 + wait, muon));
  }
}

Comparison compared(const FakeRuns& runs) { return compare_runs({.paths = {runs.path()}}); }

}  // namespace

TEST_CASE("five fair seeds a side leave the claim to the interval") {
  const FakeRuns runs;
  add_fair_sides(runs);
  const Comparison result = compared(runs);
  CHECK(result.groups[1].no_claim.empty());
  CHECK_THAT(to_text(result, 0), !Catch::Contains("claimed"));
  CHECK_THAT(to_text(result, 0), Catch::Contains("; paired by seed\n"));
}

TEST_CASE("repetitions of a seed are no seeds") {
  const FakeRuns runs;
  add_fair_sides(runs);
  for (const std::uint64_t seed : {3U, 4U}) {
    FakeRun again = run_to_target(0, 5.5 + static_cast<double>(seed), {kTarget, kMuon});
    runs.add(fmt::format("b{}", seed), again);
  }
  const Comparison result = compared(runs);
  CHECK(result.groups[1].runs.size() == 5);
  CHECK(result.groups[1].no_claim ==
        Reasons{"3 seeds a side are too few, 5 are the least",
                "seeds are repeated, and the interval takes them for others"});
  CHECK(result.groups[0].no_claim.empty());  // the baseline claims nothing
  CHECK_THAT(to_text(result, 0),
             Catch::Contains(
                 "; not paired, as the seeds differ or repeat\nno difference to the baseline can "
                 "be claimed: 3 seeds a side"));
}

TEST_CASE("seeds enough on either side do not help where one of them is repeated") {
  const std::string side = GENERATE("sgd", "muon");
  CAPTURE(side);
  const FakeRuns runs;
  add_fair_sides(runs);
  runs.add("again", run_to_target(0, 8.5, {kTarget, "optimizer.type=" + side}));
  CHECK(compared(runs).groups[1].no_claim ==
        Reasons{"seeds are repeated, and the interval takes them for others"});
}

TEST_CASE("sides that read other data claim nothing") {
  const FakeRuns runs;
  add_fair_sides(runs);
  FakeRun other = run_to_target(0, 5, {kTarget, kMuon});
  other.data_hash = "d2";
  runs.add("b0", other);
  CHECK(compared(runs).groups[1].no_claim == Reasons{"the sides read other data"});
}

TEST_CASE("misses that had less time, on either side, claim nothing") {
  const std::string short_side = GENERATE("a0", "b0");
  CAPTURE(short_side);
  const FakeRuns runs;
  add_fair_sides(runs);
  const std::string method = short_side == "a0" ? kSgd : kMuon;
  runs.add(short_side, missing(0, 2, {kTarget, method}));
  CHECK(compared(runs).groups[1].no_claim ==
        Reasons{"misses had less time than the other side needed"});
  runs.add(short_side, missing(0, 20, {kTarget, method}));  // all the time of the others
  CHECK(compared(runs).groups[1].no_claim.empty());
}

TEST_CASE("a third group's machine does not decide about a pair") {
  const FakeRuns runs;
  add_fair_sides(runs);
  FakeRun other = run_to_target(0, 5, {kTarget, "optimizer.type=adamw"});
  other.threads = 64;
  runs.add("c", other);
  const Comparison result =
      compare_runs({.paths = {runs.path()}, .machines = MixedMachines::allow});
  REQUIRE(result.groups.size() == 3);
  CHECK(result.groups[1].no_claim.empty());
  CHECK(result.groups[2].no_claim.front() == "the runs come from different machines or builds");
}

TEST_CASE("a third group's time does not decide about a pair") {
  const FakeRuns runs;
  add_fair_sides(runs);
  runs.add("b0", missing(0, 15, {kTarget, kMuon}));
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    runs.add(fmt::format("c{}", seed), run_to_target(seed, 100, {kTarget, "optimizer.type=adamw"}));
  }
  const Comparison result = compared(runs);
  REQUIRE(result.groups.size() == 3);
  CHECK(result.groups[1].no_claim.empty());
  CHECK(result.groups[2].no_claim.empty());
  CHECK(warnings_with(result, "1 miss ended after 15 s") == 1);  // beside the third it is short
}

TEST_CASE("groups that were evaluated in different ways are named and claim nothing") {
  const FakeRuns runs;
  add_fair_sides(runs, {"train.eval_every_steps=1"});
  const Comparison result = compared(runs);
  CHECK(result.groups[1].no_claim == Reasons{"the sides were evaluated in different ways"});
  CHECK(warnings_with(result,
                      "evaluated in different ways (train.eval_every_steps=null "
                      "train.eval_every_epochs=1 and train.eval_every_steps=1 ") == 1);
}

TEST_CASE("the sample of training images matters to training targets only") {
  for (const std::string metric : {"train/accuracy", "test/accuracy"}) {
    CAPTURE(metric);
    const FakeRuns runs;
    add_fair_sides(runs, {"train.eval_train_images=50"});
    const Comparison result =
        compare_runs({.paths = {runs.path()}, .target = parse_target(metric + "=0.9")});
    CHECK(result.groups[1].no_claim.empty() == (metric == "test/accuracy"));
    CHECK(result.warnings.empty() == (metric == "test/accuracy"));
  }
}

TEST_CASE("other machines claim nothing") {
  const FakeRuns runs;
  add_fair_sides(runs);
  FakeRun other = run_to_target(0, 5, {kTarget, kMuon});
  other.threads = 64;
  runs.add("b0", other);
  const Comparison result =
      compare_runs({.paths = {runs.path()}, .machines = MixedMachines::allow});
  CHECK(result.groups[1].no_claim == Reasons{"the runs come from different machines or builds"});
}

TEST_CASE("of several groups, the note says how many it is about") {
  const FakeRuns runs;
  add_fair_sides(runs);
  runs.add("c", run_to_target(0, 7, {kTarget, "optimizer.type=adamw"}));
  runs.add("d", run_to_target(0, 7, {kTarget, kSgd, "optimizer.lr=0.5"}));
  CHECK_THAT(to_text(compared(runs), 0),
             Catch::Contains("; paired by seed where the seeds agree\nno difference of 2 of 3 "
                             "groups to the baseline can be claimed: 1 seed a side is too few"));
}

TEST_CASE("without a target nothing is claimed, and nothing kept from it") {
  const FakeRuns runs;
  runs.add("a", run_to_target(0, 10, {kSgd}));
  runs.add("b", run_to_target(0, 5, {kMuon, "train.eval_every_steps=1"}));
  const Comparison result = compared(runs);
  CHECK(result.groups[1].no_claim.empty());
  CHECK(warnings_with(result, "evaluated") == 0);
}
