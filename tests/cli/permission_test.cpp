// SPDX-License-Identifier: MIT
// What may not be read is not told as missing. Root may read all, so there the program is run as
// another user.
#include <filesystem>
#include <string>

#include <unistd.h>

#include "catch.h"
#include "idx_set.h"
#include "program.h"
#include <dropmuon/core/error.h>

using namespace dropmuon;
namespace fs = std::filesystem;

namespace {

// The program, for a user whom permissions hold back; "" if there is no way to be one.
std::string program_of_a_user() {
  if (::geteuid() != 0) return program();
  const std::string as_nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups " + program();
  return run_script(as_nobody + " --version").code == 0 ? as_nobody : "";
}

void check_denied(const std::string& command, const std::string& locked, ExitCode code) {
  const fs::perms before = fs::status(locked).permissions();
  fs::permissions(locked, fs::perms::none);
  const Outcome outcome = run_script(command);
  fs::permissions(locked, before);
  CAPTURE(command, locked, outcome.output);
  CHECK(outcome.code == static_cast<int>(code));
  CHECK_THAT(outcome.output, Catch::Contains("Permission denied") && !Catch::Contains("missing") &&
                                 !Catch::Contains("damaged") && !Catch::Contains("no run"));
}

}  // namespace

TEST_CASE("files and folders that may not be read are named with that reason") {
  const std::string user = program_of_a_user();
  if (user.empty()) {
    WARN("skipped: root, and no setpriv to be another user");
    return;
  }
  const Sandbox sandbox;
  write_idx_set(sandbox / "data/mnist");
  const std::string config =
      sandbox.write("idx.yaml", fmt::format("name: small\nruns_dir: {0}/runs\n"
                                            "data: {{dataset: mnist, root: {0}/data}}\n"
                                            "model: {{channels: [4, 6]}}\n"
                                            "train: {{epochs: 2, batch_size: 40}}\n",
                                            sandbox / "."));
  REQUIRE(run_program("train -q " + config).code == 0);
  const std::string run = sandbox.only_run();
  std::ofstream(run + "/STATUS") << "stopped\n";
  REQUIRE(run_script("chmod -R a+rwX " + (sandbox / ".")).code == 0);
  const std::string data = sandbox / "data/mnist";
  const auto denied = [&](const std::string& arguments, const std::string& locked) {
    check_denied(user + " " + arguments, locked, ExitCode::missing_input);
  };
  for (const std::string& locked : {data, sandbox / "data", data + "/train-images-idx3-ubyte",
                                    data + "/t10k-labels-idx1-ubyte"}) {
    denied("data mnist --root " + (sandbox / "data"), locked);
    denied("train " + config, locked);
    denied("plan " + config, locked);
    denied("train --resume " + run, locked);
  }
  denied("train " + config, config);
  for (const std::string& locked : {run, run + "/config.yaml", sandbox / "runs"}) {
    denied("eval " + run, locked);
    denied("train --resume " + run, locked);
  }
  denied("eval " + run, run + "/weights.safetensors");
  denied("train --resume latest " + config, sandbox / "runs/small");
  denied("train " + config + " train.init_from=" + run + "/weights.safetensors",
         run + "/weights.safetensors");
  for (const std::string& locked : {run + "/checkpoints", run + "/checkpoints/step_00000010",
                                    run + "/checkpoints/step_00000010/optimizer.safetensors"}) {
    denied("eval " + run + "/checkpoints/step_00000010", locked);
    denied("eval " + run + "/checkpoints/latest", locked);
  }
  std::ofstream(run + "/STATUS") << "done\n";
  denied("compare " + run, run);
  denied("compare " + run, run + "/metrics.jsonl");
  denied("compare " + (sandbox / "runs"), sandbox / "runs/small");
}

TEST_CASE("data that cannot be there is told with the reason, not as missing") {
  const Sandbox sandbox;
  const std::string file = sandbox.write("file", "no folder");
  std::filesystem::create_symlink("loop", sandbox / "loop");
  std::filesystem::create_directories(sandbox / "data");
  std::filesystem::create_symlink("mnist", sandbox / "data/mnist");
  const std::vector<std::pair<std::string, std::string>> cases{
      {file, "Not a directory"},
      {sandbox / "loop", "Too many levels of symbolic links"},
      {sandbox / "data", "Too many levels of symbolic links"},
      {sandbox / std::string(300, 'a'), "File name too long"}};
  for (const auto& [root, reason] : cases) {
    for (const std::string command : {"plan", "train", "bench", "sweep --dry-run"}) {
      const std::string config = sandbox.write(
          command == "sweep --dry-run" ? "s.yaml" : "idx.yaml",
          command == "sweep --dry-run"
              ? fmt::format("name: s\nbase: idx.yaml\nseeds: 1\nruns_dir: {}\n", sandbox / "runs")
              : fmt::format("name: small\nruns_dir: {}\ndata: {{dataset: mnist, root: {}}}\n",
                            sandbox / "runs", root));
      const Outcome outcome = run_program(command + " " + config);
      CAPTURE(command, root, outcome.output);
      CHECK(outcome.code == 66);
      CHECK_THAT(
          outcome.output,
          Catch::Contains(root + "/mnist/train-images-idx3-ubyte: cannot be read: " + reason));
      CHECK_THAT(outcome.output, !Catch::Contains("missing") && !Catch::Contains("get_data"));
    }
  }
}

TEST_CASE("compare --skip-bad leaves out what may not be read or is gone, and compares the rest") {
  const std::string user = program_of_a_user();
  if (user.empty()) {
    WARN("skipped: root, and no setpriv to be another user");
    return;
  }
  const Sandbox sandbox;
  REQUIRE(run_program("train -q " + sandbox.config()).code == 0);
  const std::string run = sandbox.only_run();
  const std::string bad = sandbox / "runs/bad/one";
  fs::create_directories(sandbox / "runs/bad");
  fs::copy(run, bad, fs::copy_options::recursive);
  REQUIRE(run_script("chmod -R a+rwX " + (sandbox / ".")).code == 0);
  const auto check_left_out = [&](const std::string& what) {
    const Outcome outcome = run_script(user + " compare " + (sandbox / "runs") + " --skip-bad");
    CAPTURE(what, outcome.output);
    CHECK(outcome.code == 0);
    CHECK_THAT(outcome.output, Catch::Contains("left out: ") && Catch::Contains(what));
  };
  for (const std::string& locked : {bad, sandbox / "runs/bad", bad + "/summary.json"}) {
    for (const fs::perms mode :
         {fs::perms::none, fs::perms::owner_all | fs::perms::group_read | fs::perms::others_read}) {
      if (mode != fs::perms::none && !fs::is_directory(locked)) continue;
      const fs::perms before = fs::status(locked).permissions();
      fs::permissions(locked, mode);
      check_left_out("Permission denied");
      fs::permissions(locked, before);
    }
    check_denied(user + " compare " + (sandbox / "runs"), locked, ExitCode::missing_input);
  }
  fs::remove(bad + "/config.yaml");
  fs::create_symlink("config.yaml", bad + "/config.yaml");  // in a circle
  check_left_out("Too many levels of symbolic links");
  // A link of a folder, in a circle or to nowhere, is no run at all.
  fs::remove_all(bad);
  fs::create_symlink("one", bad);
  const Outcome outcome = run_script(user + " compare " + (sandbox / "runs") + " --skip-bad");
  CHECK(outcome.code == 0);
  CHECK_THAT(outcome.output, !Catch::Contains("left out"));
  // Given by name, it is missed.
  for (const std::string& gone : {bad, sandbox / "runs/gone"}) {
    const Outcome named = run_script(user + " compare --skip-bad " + gone + " " + run);
    CAPTURE(named.output);
    CHECK(named.code == 0);
    CHECK_THAT(named.output, Catch::Contains("left out: ") && Catch::Contains(gone));
    CHECK(run_script(user + " compare --skip-bad " + gone).code == 66);
    CHECK(run_script(user + " compare " + gone + " " + run).code == 66);
  }
}
