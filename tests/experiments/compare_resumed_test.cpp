// SPDX-License-Identifier: MIT
// Runs with a past: gone on with by other processes, rolled back, with steps left out.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "compare_fixture.h"
#include "config_fixture.h"

using namespace dropmuon;

namespace {

const std::string kResumes = "provenance_resume.jsonl";

// What such a run writes when it starts, one line.
std::string provenance(const FakeRuns& runs, const FakeRun& run) {
  return read_file(runs.add("written/only-to-read", run) + "/provenance.json");
}

// A run, and what a process writes that goes on with it: here, and on a machine of other threads.
struct TwoMachines {
  FakeRuns runs;
  std::string a = runs.add("a", run_to_target(0, 5, {kTarget}));
  std::string here = provenance(runs, run_to_target(0, 5, {kTarget}));
  std::string there = provenance(runs, with_threads(7));

  static FakeRun with_threads(int threads) {
    FakeRun run = run_to_target(0, 5, {kTarget});
    run.threads = threads;
    return run;
  }
};

std::string summary(const std::string& more) {
  return "{\"status\":\"done\",\"step\":50,\"time/train_s\":5,\"test/accuracy\":0.9" + more + "}\n";
}

nlohmann::json first_run(const Comparison& comparison) {
  return nlohmann::json::parse(to_json(comparison)).at("groups").at(0).at("runs").at(0);
}

}  // namespace

TEST_CASE("no process that went on with a run is forgotten, the last least of all") {
  const TwoMachines two;
  const auto& [runs, a, here, there] = two;
  CHECK(first_run(compare_runs({.paths = {a}})).at("resumed") == 0);
  for (const std::string& lines : {there, there + here, here + there + here, here + there}) {
    CAPTURE(lines);
    runs.write("a", kResumes, lines);
    CHECK_THAT(refused_because({.paths = {a}}),
               Catch::Contains("where it was resumed") &&
                   Catch::Contains("threads is '2' in one and '7' in the other"));
    const Comparison forced = compare_runs({.paths = {a}, .machines = MixedMachines::allow});
    CHECK(forced.machines.size() == 2);
  }
  runs.write("a", kResumes, here + here + here);
  const Comparison same = compare_runs({.paths = {a}});
  CHECK(same.warnings.empty());
  CHECK(first_run(same).at("resumed") == 3);
}

TEST_CASE("other hosts and data files count where a run was resumed, too") {
  const FakeRuns runs;
  const FakeRun plain = run_to_target(0, 5, {kTarget});
  const std::string a = runs.add("a", plain);
  FakeRun elsewhere = plain;
  elsewhere.host = "there";
  elsewhere.data_hash = "d2";
  runs.write("a", kResumes, provenance(runs, elsewhere) + provenance(runs, plain));
  const Comparison result = compare_runs({.paths = {a}});
  REQUIRE(result.warnings.size() == 2);
  CHECK_THAT(result.warnings[0], Catch::Contains("read other synthetic files"));
  CHECK_THAT(result.warnings[1], Catch::Contains("2 hosts"));
}

TEST_CASE("a torn last line of the resumes is ignored at any length, damage is not") {
  const TwoMachines two;
  const auto& [runs, a, here, there] = two;
  for (std::size_t length = 0; length < there.size(); ++length) {
    CAPTURE(length);
    runs.write("a", kResumes, here + there.substr(0, length));
    const ComparedRun run = read_run(a);
    CHECK(run.origins.size() == 2);
    CHECK(run.origins[1].machine == run.origins[0].machine);
  }
  for (const std::string& damaged : {here.substr(0, 40) + "\n" + here, std::string("\n"),
                                     here + "[]\n", here + "{}\n", std::string("\xff\n")}) {
    CAPTURE(damaged);
    runs.write("a", kResumes, damaged);
    CHECK_THAT(refused_because({.paths = {a}}),
               Catch::Contains("bad run folder " + a + ": " + kResumes));
  }
  runs.write("a", kResumes, here + "{\"machine\"\n");
  CHECK_THAT(refused_because({.paths = {a}}), Catch::Contains("line 2: "));
}

TEST_CASE("rollbacks and steps left out are told, run by run") {
  const FakeRuns runs;
  const std::string a = runs.add("a", run_to_target(0, 5, {kTarget}));
  const std::string b = runs.add("b", run_to_target(1, 5, {kTarget}));
  CHECK(compare_runs({.paths = {runs.path()}}).warnings.empty());
  runs.write("a", "summary.json", summary(",\"rollbacks\":2,\"skipped_steps\":1"));
  runs.write("b", "summary.json", summary(",\"skipped_steps\":7"));
  const Comparison result = compare_runs({.paths = {runs.path()}});
  CHECK(result.warnings ==
        std::vector<std::string>{
            "run " + a +
                " went back to a checkpoint 2 times: undone steps are in the seconds and FLOPs, "
                "not in the steps",
            "run " + a + " left out a step once: such a step counts, but moved no weight",
            "run " + b + " left out a step 7 times: such a step counts, but moved no weight"});
  const auto run = first_run(result);
  CHECK(run.at("rollbacks") == 2);
  CHECK(run.at("skipped_steps") == 1);
  for (const char* bad : {"\"rollbacks\":-1", "\"rollbacks\":\"x\"", "\"skipped_steps\":1.5",
                          "\"skipped_steps\":null"}) {
    CAPTURE(bad);
    runs.write("a", "summary.json", summary(std::string(",") + bad));
    CHECK_THAT(refused_because({.paths = {a}}), Catch::Contains("summary.json: no count '"));
  }
}

TEST_CASE("many runs that were rolled back make one line") {
  const FakeRuns runs;
  for (int seed = 0; seed < 7; ++seed) {
    const std::string name = fmt::format("r{}", seed);
    runs.add(name, run_to_target(seed, 5, {kTarget}));
    if (seed < 6) runs.write(name, "summary.json", summary(",\"rollbacks\":3"));
  }
  const Comparison result = compare_runs({.paths = {runs.path()}});
  REQUIRE(result.warnings.size() == 1);
  CHECK_THAT(result.warnings[0],
             Catch::StartsWith("6 of 7 runs went back to a checkpoint, 18 times in all: "));
}
