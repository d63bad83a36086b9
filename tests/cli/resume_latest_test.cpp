// SPDX-License-Identifier: MIT
// What `--resume` does with settings that are not those of the run: other data folders, values that
// decide how often something is written, a config.yaml that was edited.
#include <algorithm>
#include <filesystem>
#include <string>

#include "catch.h"
#include "idx_set.h"
#include "program.h"

using namespace dropmuon;
namespace fs = std::filesystem;

namespace {

// Two data sets and a configuration that has trained on one of them, and was stopped.
class Stopped {
 public:
  Stopped() {
    write_idx_set(sandbox / "ten/mnist", {.train = 80});
    write_idx_set(sandbox / "big/mnist", {.train = 200});
    config = sandbox.write("idx.yaml", fmt::format("name: small\nruns_dir: {}\n"
                                                   "data: {{dataset: mnist}}\n"
                                                   "model: {{channels: [4, 6]}}\n"
                                                   "train: {{epochs: 2, batch_size: 40}}\n",
                                                   sandbox / "runs"));
    run = train("big");
  }
  std::string root(const std::string& data) const { return " data.root=" + (sandbox / data); }
  // A run on `data` that looks as one that was stopped; its folder.
  std::string train(const std::string& data) const {
    const Outcome outcome = run_program("train -q " + config + root(data));
    CAPTURE(outcome.output);
    REQUIRE(outcome.code == 0);
    std::string newest;
    for (const auto& entry : fs::directory_iterator(sandbox / "runs/small")) {
      newest = std::max(newest, entry.path().string());
    }
    set_stopped(newest);
    return newest;
  }
  static void set_stopped(const std::string& folder) {
    std::ofstream(folder + "/STATUS") << "stopped\n";
  }
  Outcome resume_latest(const std::string& arguments) const {
    return run_program("train --resume latest " + config + arguments);
  }
  static std::string status(const std::string& folder) { return Sandbox::read(folder + "/STATUS"); }

  const Sandbox sandbox;
  std::string config;
  std::string run;
};

std::ptrdiff_t lines(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }

std::string with_replaced(std::string text, const std::string& from, const std::string& to) {
  REQUIRE(text.find(from) != std::string::npos);
  return text.replace(text.find(from), from.size(), to);
}

}  // namespace

TEST_CASE("latest does not go on with a run on other data, however it ended") {
  const Stopped stopped;
  for (const std::string status : {"stopped", "done"}) {
    std::ofstream(stopped.run + "/STATUS") << status << "\n";
    const Outcome outcome = stopped.resume_latest(stopped.root("ten"));
    CAPTURE(status, outcome.output);
    CHECK(outcome.code == 78);
    CHECK(lines(outcome.output) == 1);
    CHECK_THAT(outcome.output, Catch::Contains("reads its data in " + (stopped.sandbox / "ten;")) &&
                                   Catch::Contains(stopped.run + " reads them in ") &&
                                   Catch::Contains("give data.root=" + (stopped.sandbox / "big")));
    CHECK(Stopped::status(stopped.run) == status + "\n");
  }
}

TEST_CASE("latest is the run that reads the same folder, whatever the folder is called here") {
  const Stopped stopped;
  fs::create_directory_symlink(stopped.sandbox / "big", stopped.sandbox / "link");
  for (const std::string same : {"link", "ten/../big"}) {
    Stopped::set_stopped(stopped.run);
    const Outcome outcome = stopped.resume_latest(stopped.root(same));
    CAPTURE(same, outcome.output);
    CHECK(outcome.code == 0);
    CHECK_THAT(outcome.output, Catch::Contains("going on after step") && !Catch::Contains("taken"));
  }
  const std::string newer = stopped.train("ten");
  Stopped::set_stopped(stopped.run);
  REQUIRE(newer != stopped.run);
  CHECK_THAT(stopped.resume_latest(stopped.root("big")).output,
             Catch::Contains("from " + stopped.run));
  CHECK_THAT(stopped.resume_latest(stopped.root("ten")).output, Catch::Contains("from " + newer));
}

TEST_CASE("latest names the settings that it does not take in one warning") {
  const Stopped stopped;
  const Outcome outcome = stopped.resume_latest(
      stopped.root("big") + " checkpoint.every_steps=500 checkpoint.keep=20 checkpoint.best=true " +
      "train.log_every_steps=1 log.tensorboard=true");
  CAPTURE(outcome.output);
  CHECK(outcome.code == 0);
  const std::size_t begin = outcome.output.find("warning: ");
  REQUIRE(begin != std::string::npos);
  const std::string line = outcome.output.substr(begin, outcome.output.find('\n', begin) - begin);
  CHECK_THAT(line, Catch::Contains("goes on with its own settings; not taken: ") &&
                       Catch::Contains("checkpoint.every_steps=500 (it has null)") &&
                       Catch::Contains("checkpoint.keep=20 (it has 2)") &&
                       Catch::Contains("train.log_every_steps=1 (it has 10)") &&
                       Catch::Contains("log.tensorboard=true (it has false)") &&
                       !Catch::Contains("checkpoint.best") && !Catch::Contains("runs_dir"));
  CHECK(outcome.output.find("warning: ", begin + 1) == std::string::npos);
}

TEST_CASE("a config.yaml that was edited is refused before the run goes on") {
  const Stopped stopped;
  const std::string file = stopped.run + "/config.yaml";
  const std::string text = Sandbox::read(file);
  const std::string log = Sandbox::read(stopped.run + "/log.txt");
  struct Edit {
    std::string from;
    std::string to;
    int code = 65;
  };
  for (const Edit& edit : {Edit{"name: small", "name: other"}, Edit{"keep: 2", "keep: 3"},
                           Edit{"every_steps: null\n  keep", "every_steps: 7\n  keep"},
                           Edit{"seed: 0\n", "seed: 0 # mine\n"}, Edit{"/big", "/ten"},
                           Edit{"epochs: 2", "epochs: 3", 78}}) {
    std::ofstream(file) << with_replaced(text, edit.from, edit.to);
    const Outcome outcome = run_program("train --resume " + stopped.run);
    CAPTURE(edit.to, outcome.output);
    CHECK(outcome.code == edit.code);
    CHECK(lines(outcome.output) == 1);
    CHECK_THAT(outcome.output, Catch::Contains(file + ": ") && Catch::Contains("edited") &&
                                   Catch::Contains("put the old text back"));
    CHECK(Stopped::status(stopped.run) == "stopped\n");
    CHECK(Sandbox::read(stopped.run + "/log.txt") == log);
  }
  std::ofstream(file) << text;
  CHECK(run_program("train -q --resume " + stopped.run).code == 0);
  const Outcome compared = run_program("compare " + stopped.run);
  CAPTURE(compared.output);
  CHECK(compared.code == 0);
}
