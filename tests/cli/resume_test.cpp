// SPDX-License-Identifier: MIT
// Runs that are stopped, killed and resumed from the command line, against one that never was.
#include <algorithm>
#include <filesystem>
#include <sstream>
#include <vector>

#include <nlohmann/json.hpp>

#include "catch.h"
#include "long_run.h"
#include "program.h"
#include "slow_run.h"

using namespace dropmuon;
namespace fs = std::filesystem;

namespace {

// What must not depend on interruptions: metrics without times, and the final weights.
std::string essence(const std::string& run) {
  std::istringstream lines(Sandbox::read(run + "/metrics.jsonl"));
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    nlohmann::json row = nlohmann::json::parse(line);
    for (const char* time : {"time/train_s", "time/forward_s", "time/backward_s",
                             "time/optimizer_s", "perf/images_per_s"}) {
      row.erase(time);
    }
    text += row.dump() + "\n";
  }
  nlohmann::json summary = nlohmann::json::parse(Sandbox::read(run + "/summary.json"));
  text += summary.at("layer_updates").dump() + summary.at("start_counts").dump() +
          summary.at("best/test/accuracy").dump() + summary.at("status").dump();
  return text + Sandbox::read(run + "/weights.safetensors");
}

std::string run_in(const Sandbox& sandbox, const std::string& name) {
  std::string found;
  for (const auto& entry : fs::directory_iterator(sandbox / ("runs/" + name))) {
    REQUIRE(found.empty());
    found = entry.path().string();
  }
  return found;
}

int rows_of(const std::string& run) {
  std::istringstream lines(Sandbox::read(run + "/metrics.csv"));
  int rows = 0;
  for (std::string line; std::getline(lines, line);) ++rows;
  return rows;
}

// TERM, KILL, and both: against a run that was left alone. Not at length: half of the sequences
// with either scheme.
void check_interruptions(const std::string& optimizer) {
  int pair = 0;
  for (const std::string scheme : {"uniform", "tau_nice"}) {
    const Sandbox sandbox;
    const std::string config = slow_config(sandbox, optimizer, scheme);
    const std::string name = optimizer + "-" + scheme;
    REQUIRE(run_program("train -q " + config + " runs_dir=" + (sandbox / "uncut")).code == 0);
    const std::string uncut = fs::directory_iterator(sandbox / ("uncut/" + name))->path().string();
    for (const std::vector<std::string>& signals : std::vector<std::vector<std::string>>{
             {"TERM"}, {"KILL"}, {"KILL", "TERM"}, {"TERM", "TERM"}, {"KILL", "KILL"}}) {
      if (++pair % long_or(1, 2) != 0) continue;
      fs::remove_all(sandbox / "runs");
      std::string run;
      for (const std::string& signal : signals) {
        CAPTURE(optimizer, scheme, signals, signal);
        const bool first = run.empty();
        const Outcome outcome = interrupted(
            first ? "train -q " + config : "train -q --resume " + run,
            first ? sandbox / ("runs/" + name + "/*/metrics.csv") : run + "/metrics.csv",
            first ? 12 : rows_of(run) + 8, signal);
        CAPTURE(outcome.output);
        CHECK(outcome.code == (signal == "TERM" ? 75 : 137));
        run = run_in(sandbox, name);
        CHECK(Sandbox::read(run + "/STATUS") == (signal == "TERM" ? "stopped\n" : "running\n"));
      }
      const Outcome outcome = run_program("train --resume latest " + config);
      CAPTURE(optimizer, scheme, signals, outcome.output);
      REQUIRE(outcome.code == 0);
      CHECK_THAT(outcome.output, Catch::Contains("going on after step"));
      CHECK(Sandbox::read(run + "/STATUS") == "done\n");
      CHECK(essence(run) == essence(uncut));
      CHECK(rows_of(run) == rows_of(uncut));
      const std::string resumes = Sandbox::read(run + "/provenance_resume.jsonl");
      CHECK(std::count(resumes.begin(), resumes.end(), '\n') ==
            static_cast<std::ptrdiff_t>(signals.size()));
    }
  }
}

}  // namespace

TEST_CASE("an SGD run that gets SIGTERM or SIGKILL once or twice ends as one that never did",
          "[large]") {
  check_interruptions("sgd");
}

TEST_CASE("an AdamW run that gets SIGTERM or SIGKILL once or twice ends as one that never did",
          "[large]") {
  check_interruptions("adamw");
}

TEST_CASE("a Muon run that gets SIGTERM or SIGKILL once or twice ends as one that never did",
          "[large]") {
  check_interruptions("muon");
}

TEST_CASE("resume needs the metrics that the checkpoint says were written, and nothing else") {
  const Sandbox sandbox;
  const std::string config = slow_config(sandbox, "muon", "uniform");
  interrupted("train -q " + config, sandbox / "runs/*/*/metrics.csv", 12, "TERM");
  const std::string run = run_in(sandbox, "muon-uniform");
  CHECK(fs::exists(run + "/weights.safetensors"));
  for (const std::string name : {"metrics.csv", "metrics.jsonl"}) {
    CAPTURE(name);
    const std::string whole = Sandbox::read(run + "/" + name);
    std::ofstream(run + "/" + name) << whole.substr(0, whole.size() / 2);
    const Outcome refused = run_program("train --resume " + run);
    CHECK(refused.code == 65);
    CHECK_THAT(refused.output, Catch::Contains(name + ": expected the rows up to step"));
    CHECK(Sandbox::read(run + "/STATUS") == "failed\n");
    std::ofstream(run + "/" + name) << whole;
  }
  fs::remove(run + "/provenance.json");  // as a power cut might
  const Outcome outcome =
      interrupted("train --resume " + run, run + "/metrics.csv", rows_of(run) + 12, "KILL");
  CHECK(outcome.code == 137);
  CHECK_FALSE(fs::exists(run + "/weights.safetensors"));  // those of the stop are old now
  CHECK_FALSE(fs::exists(run + "/error.txt"));
  const Outcome again = run_program("train --resume " + run);
  CHECK(again.code == 0);
  CHECK_THAT(again.output, Catch::Contains("going on after step"));
}

TEST_CASE("resume: what is not there, is taken, is done, or is of another configuration") {
  const Sandbox sandbox;
  CHECK(run_program("train --resume " + (sandbox / "none")).code == 66);
  CHECK(run_program("train --resume latest " + sandbox.config()).code == 66);
  CHECK(run_program("train --resume latest").code == 2);
  REQUIRE(run_program("train -q " + sandbox.config()).code == 0);
  const std::string run = sandbox.only_run();
  const std::string metrics = Sandbox::read(run + "/metrics.csv");
  const Outcome again = run_program("train --resume " + run);
  CHECK(again.code == 0);
  CHECK_THAT(again.output, Catch::Contains("done already"));
  CHECK(Sandbox::read(run + "/metrics.csv") == metrics);

  sandbox.write("runs/small/" + fs::path(run).filename().string() + "/STATUS", "stopped\n");
  const Outcome locked =
      run_script("flock -n " + run + "/.lock " + program() + " train --resume " + run);
  CHECK(locked.code == 73);
  CHECK_THAT(locked.output, Catch::Contains("another process is at work in"));

  const std::string config = Sandbox::read(run + "/config.yaml");
  const std::string folder = "runs/small/" + fs::path(run).filename().string();
  CHECK(run_program("train --resume " + run + " seed=1").code == 2);
  CHECK(run_program("train --resume " + run + " " + sandbox.config()).code == 2);
  CHECK(run_program("train --resume latest " + sandbox.config() + " seed=1").code == 66);
  // A sweep of the same name has jobs beside the runs; they are no `latest`.
  sandbox.write("runs/small/seed=0/config.yaml", config);
  CHECK_THAT(run_program("train --resume latest " + sandbox.config()).output,
             Catch::Contains("going on after step 20"));
  fs::remove_all(sandbox / "runs/small/seed=0");
  sandbox.write(folder + "/STATUS", "stopped\n");
  std::string other = config;
  other.replace(other.find("seed: 0"), 7, "seed: 1");
  sandbox.write(folder + "/config.yaml", other);
  const Outcome mixed = run_program("train --resume " + run);
  CHECK(mixed.code == 78);
  CHECK_THAT(mixed.output, Catch::Contains("was made with the configuration"));
}

TEST_CASE("resume passes over a damaged checkpoint, names it, and refuses if all are") {
  const Sandbox sandbox;
  const std::string config = slow_config(sandbox, "muon", "tau_nice");
  REQUIRE(run_program("train -q " + config + " runs_dir=" + (sandbox / "uncut")).code == 0);
  const std::string uncut =
      fs::directory_iterator(sandbox / "uncut/muon-tau_nice")->path().string();
  interrupted("train -q " + config, sandbox / "runs/*/*/metrics.csv", 12, "TERM");
  const std::string run = run_in(sandbox, "muon-tau_nice");
  const std::string newest = Sandbox::read(run + "/checkpoints/latest");
  const std::string victim =
      run + "/checkpoints/" + newest.substr(0, newest.size() - 1) + "/weights.safetensors";
  std::string bytes = Sandbox::read(victim);
  bytes[bytes.size() - 5] ^= 1;
  std::ofstream(victim, std::ios::binary) << bytes;
  const Outcome outcome = run_program("train --resume " + run);
  CAPTURE(outcome.output);
  CHECK(outcome.code == 0);
  CHECK_THAT(outcome.output, Catch::Contains("is damaged") && Catch::Contains("an older one"));
  CHECK(essence(run) == essence(uncut));

  std::ofstream(run + "/STATUS") << "stopped\n";
  for (const auto& entry : fs::recursive_directory_iterator(run + "/checkpoints")) {
    if (entry.path().filename() == "weights.safetensors") fs::resize_file(entry.path(), 10);
  }
  const Outcome refused = run_program("train --resume " + run);
  CHECK(refused.code == 65);
  CHECK_THAT(refused.output, Catch::Contains("checkpoints is whole"));
  CHECK(fs::exists(run + "/weights.safetensors"));  // the best there is now
}

TEST_CASE("a kill between saving the best state and marking it is made good by resume") {
  const std::string killed = GENERATE("before the mark", "while it was saved again");
  CAPTURE(killed);
  const Sandbox sandbox;
  REQUIRE(run_program("train -q " + sandbox.config() + " checkpoint.keep=9").code == 0);
  const std::string run = sandbox.only_run();
  const auto summary = nlohmann::json::parse(Sandbox::read(run + "/summary.json"));
  const std::string best = Sandbox::read(run + "/checkpoints/best");
  REQUIRE(best.ends_with("\n"));
  const std::string folder = run + "/checkpoints/";
  // What was saved after the best state did not come to be, nor did the mark.
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename();
    if (name.starts_with("step_") && name + "\n" > best) fs::remove_all(entry);
  }
  if (killed == "before the mark") {
    fs::remove(folder + "best");
  } else {
    const std::string state = folder + best.substr(0, best.size() - 1);
    fs::rename(state, state + ".old-999999999");  // the new one was not in its place yet
  }
  std::ofstream(folder + "latest") << best;
  std::ofstream(run + "/STATUS") << "running\n";
  const Outcome outcome = run_program("train --resume " + run);
  CAPTURE(outcome.output);
  CHECK(outcome.code == 0);
  CHECK(Sandbox::read(folder + "best") == best);
  CHECK(nlohmann::json::parse(Sandbox::read(run + "/summary.json")).at("best/test/accuracy") ==
        summary.at("best/test/accuracy"));
}

TEST_CASE("resume removes what a kill left in the middle of replacing a file") {
  const Sandbox sandbox;
  REQUIRE(run_program("train -q " + sandbox.config()).code == 0);
  const std::string run = sandbox.only_run();
  for (const std::string name : {"weights.safetensors.tmp-999999999", "notes.tmp-mine"}) {
    std::ofstream(run + "/" + name) << "half";
  }
  std::ofstream(run + "/STATUS") << "running\n";
  REQUIRE(run_program("train --resume " + run).code == 0);
  CHECK_FALSE(fs::exists(run + "/weights.safetensors.tmp-999999999"));
  CHECK(fs::exists(run + "/notes.tmp-mine"));
}

TEST_CASE("a prepared folder is started by resume, like a run of its own") {
  const Sandbox sandbox;
  REQUIRE(run_program("train -q " + sandbox.config()).code == 0);
  const std::string run = sandbox.only_run();
  sandbox.write("job/config.yaml", Sandbox::read(run + "/config.yaml"));
  sandbox.write("job/STATUS", "waiting\n");
  const Outcome outcome = run_program("train --resume " + (sandbox / "job"));
  CAPTURE(outcome.output);
  CHECK(outcome.code == 0);
  CHECK(essence(sandbox / "job") == essence(run));
  CHECK(fs::exists(sandbox / "job/provenance.json"));
  CHECK_FALSE(fs::exists(sandbox / "job/provenance_resume.jsonl"));
}

TEST_CASE("latest is the newest run of that configuration that has not ended") {
  const Sandbox sandbox;
  const std::string train = "train -q " + sandbox.config();
  const std::string resume = "train --resume latest " + sandbox.config();
  REQUIRE(run_program(train + " seed=5").code == 0);
  const std::string first = sandbox.only_run();
  std::ofstream(first + "/STATUS") << "stopped\n";
  REQUIRE(run_program(train).code == 0);              // a newer one, of another configuration
  REQUIRE(run_program(train + " seed=5").code == 0);  // and one that is done
  const Outcome outcome = run_program(resume + " seed=5");
  CHECK(outcome.code == 0);
  CHECK_THAT(outcome.output, Catch::Contains(first + "/checkpoints"));
  CHECK_THAT(run_program(resume + " seed=5").output, Catch::Contains("done already"));
}

TEST_CASE("train refuses an unknown policy, and a diverged run stays diverged") {
  const Sandbox sandbox;
  const Outcome typo = run_program("train " + sandbox.config() + " train.non_finite.policy=skp");
  CHECK(typo.code == 78);
  CHECK_THAT(typo.output, Catch::Contains("did you mean 'skip'?"));
  const std::string blow_up = " optimizer.type=sgd optimizer.lr=1e6 optimizer.weight_decay=1";
  const Outcome outcome = run_program("train " + sandbox.config() + blow_up);
  CHECK(outcome.code == 76);
  const std::string run = sandbox.only_run();
  const auto summary = nlohmann::json::parse(Sandbox::read(run + "/summary.json"));
  CHECK_THAT(summary.at("problem").get<std::string>(), Catch::Contains("after step"));
  CHECK_FALSE(fs::exists(run + "/weights.safetensors"));
  CHECK(run_program("train --resume " + run).code == 76);

  fs::remove_all(sandbox / "runs");
  const Outcome saved = run_program("train " + sandbox.config() + blow_up +
                                    " train.non_finite.policy=rollback "
                                    "train.non_finite.max_rollbacks=30");
  CAPTURE(saved.output);
  CHECK(saved.code == 0);
  CHECK_THAT(saved.output, Catch::Contains("back to step 0, with the learning rate divided by 2"));
  const auto rescued = nlohmann::json::parse(Sandbox::read(sandbox.only_run() + "/summary.json"));
  CHECK(rescued.at("rollbacks") > 1);
}
