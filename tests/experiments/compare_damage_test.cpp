// SPDX-License-Identifier: MIT
// Run folders that are damaged, unfinished or contradict themselves.
#include <filesystem>
#include <random>

#include "catch.h"
#include "config_fixture.h"
#include "fake_run.h"
#include <dropmuon/core/error.h>
#include <dropmuon/experiments/compare.h>

using namespace dropmuon;

namespace {

const std::vector<std::string> kFiles = {"config.yaml", "provenance.json", "metrics.jsonl",
                                         "summary.json", "STATUS"};

FakeRun whole_run() {
  return {.overrides = {"seed=3", "train.target.value=0.5"},
          .evaluations = {{0, 0, 0.1}, {10, 1.5, 0.4}, {20, 3.25, 0.75}}};
}

// "" if the run is accepted; any other failure than Error(bad_data) in one line goes through.
std::string refused(const std::string& folder) {
  try {
    read_run(folder);
  } catch (const Error& error) {
    const std::string message = error.what();
    CHECK(error.code() == ExitCode::bad_data);
    CHECK(message.find('\n') == std::string::npos);
    CHECK(message.find(folder) != std::string::npos);
    return message;
  }
  return "";
}

bool same(const ComparedRun& a, const ComparedRun& b) {
  const auto costs = [](const ComparedRun& run) { return costs_to_target(run, *run.own_target); };
  return a.seed == b.seed && a.status == b.status && a.settings == b.settings &&
         a.origins.front().machine == b.origins.front().machine &&
         a.final_accuracy == b.final_accuracy && a.best_accuracy == b.best_accuracy &&
         a.seconds_per_step == b.seconds_per_step && costs(a) == costs(b);
}

}  // namespace

TEST_CASE("a missing, empty or foreign file is named with its folder") {
  const FakeRuns runs;
  const std::string folder = runs.add("a", whole_run());
  REQUIRE(refused(folder).empty());
  for (const std::string& file : kFiles) {
    CAPTURE(file);
    const std::string content = read_file(folder + "/" + file);
    std::filesystem::remove(folder + "/" + file);
    CHECK_THAT(refused(folder), Catch::Contains(": " + file + ": is missing"));
    for (const std::string& garbage :
         {std::string(), std::string("{\"a\":[1,2"), std::string("\0\xff\xfe{}\n", 6),
          std::string("[1, 2]\n"), std::string("{}\n"), std::string(5000, '[')}) {
      CAPTURE(garbage.substr(0, 10));
      runs.write("a", file, garbage);
      CHECK_THAT(refused(folder), Catch::Contains(": " + file + ": "));
    }
    runs.write("a", file, content);
  }
  CHECK(refused(folder).empty());
}

TEST_CASE("every truncation of every file is refused, or harmless") {
  const FakeRuns runs;
  const std::string folder = runs.add("a", whole_run());
  const ComparedRun whole = read_run(folder);
  for (const std::string& file : kFiles) {
    const std::string content = read_file(folder + "/" + file);
    for (std::size_t length = 0; length < content.size(); ++length) {
      CAPTURE(file, length);
      runs.write("a", file, content.substr(0, length));
      // Only the last line's end may go unnoticed, and where nothing reads on, STATUS's.
      if (refused(folder).empty()) {
        CHECK(length + 1 == content.size());
        CHECK(same(read_run(folder), whole));
      }
    }
    runs.write("a", file, content);
  }
}

TEST_CASE("random damage is refused in one line or read as a run, never anything else") {
  const FakeRuns runs;
  const std::string folder = runs.add("a", whole_run());
  std::mt19937 random(7);
  int noticed = 0;
  constexpr int kTries = 600;
  for (int i = 0; i < kTries; ++i) {
    const std::string& file = kFiles[random() % kFiles.size()];
    const std::string content = read_file(folder + "/" + file);
    std::string damaged = content;
    damaged[random() % damaged.size()] ^= static_cast<char>(1U << (random() % 8));
    runs.write("a", file, damaged);
    if (!refused(folder).empty()) ++noticed;
    runs.write("a", file, content);
  }
  CHECK(noticed > kTries / 2);
  CHECK(refused(folder).empty());
}

TEST_CASE("runs that have not ended are named, diverged ones have") {
  const FakeRuns runs;
  const std::string folder = runs.add("a", whole_run());
  runs.write("a", "STATUS", "running\n");
  CHECK_THAT(refused(folder), Catch::Contains("STATUS: says running"));
  runs.write("a", "STATUS", "waiting\n");
  CHECK_THAT(refused(folder), Catch::Contains("STATUS: says waiting"));
  runs.write("a", "STATUS", "failed\n");
  CHECK_THAT(refused(folder), Catch::Contains("STATUS: says failed"));
  runs.write("a", "STATUS", "diverged\n");
  CHECK_THAT(refused(folder), Catch::Contains("its status is 'done', but STATUS says diverged"));
  FakeRun run = whole_run();
  run.status = "stopped";
  CHECK_THAT(refused(runs.add("b", run)),
             Catch::Contains("says stopped; dropmuon train --resume "));
  run.status = "diverged";
  run.evaluations = {{0, 0, 0.1}, {10, 1, 0.2}};
  const std::string diverged = runs.add("c", run);
  CHECK(refused(diverged).empty());
  const Comparison result = compare_runs({.paths = {diverged}});
  CHECK(result.groups[0].diverged == 1);
  CHECK(result.groups[0].reached == 0);
}

TEST_CASE("files that contradict each other are refused") {
  const FakeRuns runs;
  const std::string folder = runs.add("a", whole_run());
  const auto replaced = [&](const std::string& file, const std::string& from,
                            const std::string& to) {
    const std::string content = read_file(folder + "/" + file);
    REQUIRE(content.find(from) != std::string::npos);
    std::string changed = content;
    changed.replace(changed.find(from), from.size(), to);
    runs.write("a", file, changed);
    std::string message = refused(folder);
    runs.write("a", file, content);
    return message;
  };
  CHECK_THAT(replaced("summary.json", "\"step\":20", "\"step\":21"),
             Catch::Contains("'step' is 21, but metrics.jsonl ends with 20"));
  CHECK_THAT(replaced("summary.json", "3.25", "3.5"), Catch::Contains("time/train_s"));
  CHECK_THAT(replaced("summary.json", "0.75", "0.8"), Catch::Contains("test/accuracy"));
  CHECK_THAT(replaced("summary.json", "{", "{\"target/step\":10,"), Catch::Contains("target/step"));
  CHECK(replaced("summary.json", "{", "{\"target/step\":20,").empty());
  CHECK_THAT(replaced("metrics.jsonl", "\"time/train_s\":1.5", "\"time/train_s\":9.5"),
             Catch::Contains("line 3: 'time/train_s' is missing or goes back"));
  CHECK_THAT(replaced("metrics.jsonl", "\"samples\":1000", "\"samples\":-1"),
             Catch::Contains("line 2: 'samples'"));
  CHECK_THAT(replaced("metrics.jsonl", "\"samples\":0", "\"samples\":-5"),
             Catch::Contains("line 1: 'samples'"));
  CHECK_THAT(replaced("metrics.jsonl", "\"perf/flops\":10", "\"perf/flop\":10"),
             Catch::Contains("line 2: 'perf/flops'"));
  CHECK_THAT(replaced("config.yaml", "seed: 3", "seed: 4"), Catch::Contains("its hash is"));
  CHECK_THAT(replaced("config.yaml", "seed: 3", "sead: 3"),
             Catch::Contains("config.yaml: line 3:1: unknown key 'sead'"));
}

TEST_CASE("bad runs can be left out, with a warning each") {
  const FakeRuns runs;
  runs.add("a", whole_run());
  runs.add("b", whole_run());
  runs.write("b", "STATUS", "running\n");
  const Comparison result = compare_runs({.paths = {runs.path()}, .bad_runs = BadRuns::leave_out});
  CHECK(result.groups[0].runs.size() == 1);
  REQUIRE(result.warnings.size() == 1);
  CHECK_THAT(result.warnings[0],
             Catch::StartsWith("left out: bad run folder " + runs.path() + "/b") &&
                 !Catch::Contains("--skip-bad"));
  try {
    compare_runs({.paths = {runs.path() + "/b"}, .bad_runs = BadRuns::leave_out});
    FAIL_CHECK("compared nothing");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::bad_data);
  }
}
