// SPDX-License-Identifier: MIT
// What the hash of a configuration is for, through the program: names, resuming, sweeps, compare.
#include <filesystem>
#include <fstream>
#include <string>

#include <nlohmann/json.hpp>

#include "catch.h"
#include "slow_run.h"
#include "sweep_sandbox.h"
#include <dropmuon/core/sha256.h>
#include <dropmuon/training/checkpoint_store.h>

using namespace dropmuon;
namespace fs = std::filesystem;

namespace {

std::string first_in(const std::string& folder) {
  return fs::directory_iterator(folder)->path().string();
}

std::string noted_hash(const std::string& run) {
  return nlohmann::json::parse(Sandbox::read(run + "/provenance.json")).at("config_hash");
}

// As commit 376c703 left a folder: the hash is that of the text of config.yaml.
std::string make_old(const std::string& run) {
  const std::string hash = sha256(Sandbox::read(run + "/config.yaml")).substr(0, 8);
  auto provenance = nlohmann::ordered_json::parse(Sandbox::read(run + "/provenance.json"));
  provenance["config_hash"] = hash;
  provenance.erase("config_text_hash");
  std::ofstream(run + "/provenance.json") << provenance.dump(2) + "\n";
  CheckpointStore store(run + "/checkpoints", 1);
  auto newest = store.load_newest("");
  REQUIRE(newest);
  newest->checkpoint.config_hash = hash;
  store.save(newest->checkpoint);
  return hash;
}

}  // namespace

TEST_CASE("the same run in another folder has the same hash and the same bytes of checkpoints") {
  const Sandbox sandbox;
  const std::string train = "train -q " + sandbox.config();
  REQUIRE(run_program(train).code == 0);
  REQUIRE(run_program(train + " name=other runs_dir=" + (sandbox / "there") +
                      " checkpoint.every_steps=3 checkpoint.keep=7 log.tensorboard=true "
                      "train.log_every_steps=1")
              .code == 0);
  const std::string here = sandbox.only_run();
  const std::string there = first_in(sandbox / "there/other");
  CHECK(noted_hash(here) == noted_hash(there));
  CHECK(here.ends_with(noted_hash(here)));
  for (const std::string name : {"weights.safetensors", "optimizer.safetensors"}) {
    CAPTURE(name);
    const std::string file = "/checkpoints/step_00000020/" + name;
    CHECK(Sandbox::read(here + file) == Sandbox::read(there + file));
    CHECK_FALSE(Sandbox::read(here + file).empty());
  }
  REQUIRE(run_program(train + " seed=1 runs_dir=" + (sandbox / "third")).code == 0);
  CHECK(noted_hash(first_in(sandbox / "third/small")) != noted_hash(here));
}

TEST_CASE("latest finds the run of the same computation, however often it saves") {
  const Sandbox sandbox;
  REQUIRE(run_program("train -q " + sandbox.config()).code == 0);
  const std::string resume = "train --resume latest " + sandbox.config();
  CHECK_THAT(run_program(resume + " checkpoint.keep=5 train.log_every_steps=3").output,
             Catch::Contains("done already"));
  CHECK(run_program(resume + " train.epochs=3").code == 66);
}

TEST_CASE("a folder with the older hash is resumed, compared and found as latest") {
  const Sandbox sandbox;
  const std::string config = slow_config(sandbox, "muon", "uniform");
  const std::string target = " train.target.value=0.01 train.target.stop_at_target=false";
  const std::string train = "train -q " + config + target;
  interrupted(train, sandbox / "runs/*/*/metrics.csv", 12, "TERM");
  const std::string run = first_in(sandbox / "runs/muon-uniform");
  const std::string old = make_old(run);
  const Outcome resumed = run_program("train --resume latest " + config + target);
  CAPTURE(resumed.output);
  CHECK(resumed.code == 0);
  CHECK_THAT(resumed.output, Catch::Contains("going on after step"));
  CHECK(noted_hash(run) == old);
  REQUIRE(run_program(train + " seed=1").code == 0);  // of today, beside it
  const Outcome compared = run_program("compare " + (sandbox / "runs/muon-uniform"));
  CAPTURE(compared.output);
  CHECK(compared.code == 0);

  make_old(run);
  std::ofstream(run + "/config.yaml", std::ios::app) << "# edited\n";
  std::ofstream(run + "/STATUS") << "stopped\n";
  const Outcome edited = run_program("train --resume " + run);
  CHECK(edited.code == 78);
  CHECK_THAT(edited.output, Catch::Contains("was made with the configuration " + old));
}

TEST_CASE("a sweep with the older hashes goes on, and nothing is done twice") {
  const SweepSandbox sandbox;
  REQUIRE(sandbox.sweep("-q").code == 0);
  for (const std::string label : {"seed=0", "seed=1"}) make_old(sandbox.job(label));
  const std::string metrics = Sandbox::read(sandbox.job("seed=0") + "/metrics.csv");
  const Outcome again = sandbox.sweep("");
  CAPTURE(again.output);
  CHECK(again.code == 0);
  CHECK_THAT(again.output, Catch::Contains("2 finished before"));
  CHECK(Sandbox::read(sandbox.job("seed=0") + "/metrics.csv") == metrics);
}
