// SPDX-License-Identifier: MIT
// What a sweep says it will cost.
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "catch.h"
#include "sweep_fixture.h"
#include <dropmuon/core/text.h>
#include <dropmuon/runner/plan.h>

using namespace dropmuon;

namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

const std::string kTwoSchemes =
    "base: base.yaml\nname: s\ncases: {full: {sampling.scheme: full}, drop: {sampling.scheme: "
    "uniform, train.epochs: 3}}\n";

}  // namespace

TEST_CASE("sweep: the dry run lists status, steps and FLOPs of each job as its plan does") {
  const SweepFolder folder;
  const Sweep sweep = folder.load(kTwoSchemes);
  const std::vector<std::string> lines = lines_of(dry_run_text(sweep));
  REQUIRE(lines.size() == 7);
  CHECK(lines[0] == "sweep s: 2 jobs in " + sweep.folder);
  CHECK(words_of(lines[1]) ==
        std::vector<std::string>{"status", "steps", "left", "FLOP", "at", "least", "job"});
  double flops = 0.0;
  for (std::size_t i = 0; i < 2; ++i) {
    const Plan plan = make_plan(sweep.jobs[i].config);
    flops += plan.total_flops;
    const std::string steps = i == 0 ? "20" : "30";
    CHECK_THAT(lines[2 + i],
               Catch::StartsWith(fmt::format("{:<8}  {:>9}  {:>9}  {:>9} ", "new", steps, steps,
                                             human_count(plan.total_flops))));
    CHECK_THAT(lines[2 + i], Catch::EndsWith("  " + sweep.jobs[i].label));
  }
  CHECK_THAT(lines[4], Catch::StartsWith(fmt::format(
                           "left: 2 of 2 jobs, 50 steps, {}FLOP, at least ", human_count(flops))));
  CHECK_THAT(lines[5],
             Catch::StartsWith("peak ") && Catch::Contains("FLOP/s, measured now on cpu: "));
  CHECK_FALSE(std::filesystem::exists(folder / "runs"));  // dry
}

TEST_CASE("sweep: the least time is FLOPs by the measured peak") {
  const SweepFolder folder;
  // Long enough to be printed with digits: a million steps.
  const Sweep sweep = folder.load("base: base.yaml\nset: {train.epochs: 100000}\n");
  const std::vector<std::string> lines = lines_of(dry_run_text(sweep));
  const std::string peak = words_of(lines.at(4)).at(1) + " " + words_of(lines.at(4)).at(2);
  double flops_per_second = std::stod(peak);
  const char unit = peak.substr(peak.find(' ') + 1).front();
  REQUIRE((unit == 'G' || unit == 'T'));
  flops_per_second *= unit == 'G' ? 1e9 : 1e12;
  const double seconds = make_plan(sweep.jobs[0].config).total_flops / flops_per_second;
  const std::string shown = words_of(lines.at(2)).at(5);
  INFO(lines.at(2));
  CHECK(seconds > 10.0);
  bool near = false;  // the peak is printed with three digits
  for (double error = -0.01; error < 0.01; error += 5e-4) {
    near = near || shown == words_of(human_seconds(seconds * (1.0 + error))).at(0);
  }
  CHECK(near);
}

TEST_CASE("sweep: only what is not saved yet is left to do") {
  const SweepFolder folder;
  const Sweep sweep = folder.load(kTwoSchemes);
  prepare_jobs(sweep);
  const auto row = [&](std::size_t i) { return words_of(lines_of(dry_run_text(sweep)).at(2 + i)); };
  CHECK(row(0).at(0) == "waiting");
  CHECK(row(0).at(2) == "20");
  std::filesystem::create_directories(sweep.jobs[0].folder + "/checkpoints/step_00000005");
  std::filesystem::create_directories(sweep.jobs[0].folder + "/checkpoints/step_00000015");
  folder.write("runs/s/" + sweep.jobs[0].label + "/STATUS", "stopped\n");
  CHECK(row(0).at(0) == "stopped");
  CHECK(row(0).at(1) == "20");
  CHECK(row(0).at(2) == "5");
  folder.write("runs/s/" + sweep.jobs[0].label + "/STATUS", "running\n");  // and killed
  CHECK(row(0).at(0) == "stopped");
  const double flops = make_plan(sweep.jobs[0].config).total_flops / 4.0 +
                       make_plan(sweep.jobs[1].config).total_flops;
  CHECK_THAT(dry_run_text(sweep),
             Catch::Contains("left: 2 of 2 jobs, 35 steps, " + human_count(flops) + "FLOP"));
  folder.write("runs/s/" + sweep.jobs[1].label + "/STATUS", "diverged\n");
  CHECK(row(1).at(0) == "diverged");
  CHECK(row(1).at(2) == "0");
  CHECK_THAT(dry_run_text(sweep), Catch::Contains("left: 1 of 2 jobs, 5 steps, "));
  folder.write("runs/s/" + sweep.jobs[0].label + "/STATUS", "done\n");
  CHECK_THAT(dry_run_text(sweep), Catch::Contains("\nleft: nothing\n"));
}

TEST_CASE("sweep: a sweep for a device that is not here can be planned") {
  const SweepFolder folder;
  const std::string text =
      dry_run_text(folder.load("base: base.yaml\nset: {device: \"cuda:63\", precision: bf16}\n"));
  CHECK(words_of(lines_of(text).at(2)).at(5) == "?");
  CHECK_THAT(text, Catch::Contains("at least ? one") && Catch::Contains("times unknown: "));
}

TEST_CASE("sweep: the dry run refuses what the run would refuse: jobs that were edited since") {
  const SweepFolder folder;
  prepare_jobs(folder.load(kTwoSchemes));
  try {
    dry_run_text(folder.load(kTwoSchemes + "set: {optimizer.lr: 0.5}\n"));
    FAIL("not refused");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::bad_config);
    CHECK_THAT(error.what(), Catch::Contains("holds another configuration than job"));
  }
}

TEST_CASE("sweep: a job that cannot be planned is named") {
  const SweepFolder folder;
  try {
    dry_run_text(folder.load("base: base.yaml\ngrid: {train.batch_size: [40, 401]}\n"));
    FAIL("not refused");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::bad_config);
    CHECK_THAT(error.what(), Catch::StartsWith("job 'batch_size=401-seed=0': train.batch_size"));
  }
}
