// SPDX-License-Identifier: MIT
// `dropmuon compare` as a user meets it: real runs, formats, exit codes.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "catch.h"
#include "fake_run.h"
#include "program.h"

using namespace dropmuon;

namespace {

const std::string kTarget = "train.target.value=0.9";

// Standard output alone.
Outcome compare(const std::string& arguments) {
  return run_script("{ " + program() + " compare " + arguments + "\n} 2>/dev/null");
}

// The exit code and the one line on standard error.
void check_refusal(const std::string& arguments, int code, const std::string& expected) {
  const Outcome outcome = run_program("compare " + arguments);
  CAPTURE(arguments, outcome.output);
  CHECK(outcome.code == code);
  CHECK_THAT(outcome.output, Catch::StartsWith("dropmuon: ") && Catch::Contains(expected));
  CHECK(std::count(outcome.output.begin(), outcome.output.end(), '\n') == 1);
}

}  // namespace

TEST_CASE("compare reads what train writes") {
  const Sandbox sandbox;
  const std::string settings = " train.epochs=1 train.target.value=0.01 train.target.metric=";
  for (const std::string seed : {"0", "1"}) {
    for (const std::string type : {"muon", "sgd"}) {
      const Outcome train = run_program("train -q " + sandbox.config() + " seed=" + seed +
                                        " optimizer.type=" + type + settings + "test_accuracy");
      CAPTURE(train.output);
      REQUIRE(train.code == 0);
    }
  }
  const Outcome outcome =
      compare((sandbox / "runs") + " --format json --baseline optimizer.type=sgd");
  REQUIRE(outcome.code == 0);
  const auto json = nlohmann::json::parse(outcome.output);
  CHECK(json.at("baseline") == "optimizer.type=sgd");
  REQUIRE(json.at("groups").size() == 2);
  for (const auto& group : json.at("groups")) {
    CHECK(group.at("reached") == 2);
    CHECK(group.at("pairing") == "by_seed");
  }
  CHECK_THAT(json.at("machines").at(0).get<std::string>(), Catch::Contains("oneDNN"));
}

TEST_CASE("compare prints a table, Markdown, CSV and JSON, warnings go to standard error") {
  const FakeRuns runs;
  runs.add("a", run_to_target(0, 10, {kTarget}));
  runs.add("b", run_to_target(0, 5, {kTarget, "optimizer.type=sgd"}));
  for (const auto& [format, expected] : std::vector<std::pair<std::string, std::string>>{
           {"table", "optimizer.type=sgd    1 of 1"},
           {"markdown", "| optimizer.type=sgd | 1 of 1 | 5 | 0.5 |"},
           {"csv", "optimizer.type=sgd,no,1,0,"},
           {"json", "\"label\": \"optimizer.type=sgd\""}}) {
    const Outcome outcome = compare(runs.path() + " --format " + format);
    CAPTURE(format, outcome.output);
    CHECK(outcome.code == 0);
    CHECK_THAT(outcome.output, Catch::Contains(expected));
  }
  const Outcome narrow = run_script("COLUMNS=50 " + program() + " compare " + runs.path());
  CHECK_THAT(narrow.output, Catch::Contains("B  optimizer.type=sgd\n"));
  const std::string twice = runs.path() + " " + runs.path() + "/a";
  CHECK_THAT(run_program("compare " + twice).output, Catch::Contains("warning: run "));
  CHECK_THAT(compare(twice).output, !Catch::Contains("warning"));
}

TEST_CASE("no run reaching the target is a result: table, one warning, exit code 0") {
  const FakeRuns runs;
  FakeRun run = run_to_target(0, 10, {kTarget});
  run.evaluations.back().accuracy = 0.5;
  runs.add("a", run);
  const Outcome outcome = run_program("compare " + runs.path());
  CHECK(outcome.code == 0);
  CHECK_THAT(outcome.output,
             Catch::Contains("not reached") &&
                 Catch::Contains("warning: no run reached the target test/accuracy >= 0.9\n"));
}

TEST_CASE("what compare cannot do is one line and the documented exit code") {
  const FakeRuns runs;
  const std::string a = runs.add("a", run_to_target(0, 10, {kTarget}));
  FakeRun other = run_to_target(1, 10, {kTarget});
  other.threads = 3;
  const std::string b = runs.add("elsewhere/b", other);
  const std::string c = runs.add("c", run_to_target(2, 10, {kTarget}));
  runs.write("c", "metrics.jsonl", "{\"step\":0,");
  check_refusal(runs.path() + "/none", 66, "no folder");
  std::filesystem::create_directory(runs.path() + "/empty");
  check_refusal(runs.path() + "/empty", 66, "no run in");
  check_refusal(a + " " + b, 65, "come from different machines or builds");
  CHECK(compare(a + " " + b + " --force").code == 0);
  check_refusal(a + " " + c, 65, "bad run folder " + c + ": metrics.jsonl: line 1");
  CHECK(compare(a + " " + c + " --skip-bad").code == 0);
  check_refusal(c + " --skip-bad", 65, "no run is left");
  check_refusal("", 2, "runs is required");
  check_refusal(a + " --target tets/accuracy=0.9", 2, "did you mean");
  check_refusal(a + " --format xml", 2, "--format");
  check_refusal(a + " --baselin x", 2, "did you mean '--baseline'?");
  check_refusal(a + " --baseline x", 2, "no one group");
  const Outcome full = run_script(program() + " compare " + a + " > /dev/full");
  CHECK(full.code == 73);
}
