// SPDX-License-Identifier: MIT
// Disks without locks, without fsync, without an answer about their space, and with a limit.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "catch.h"
#include "sweep_sandbox.h"

using namespace dropmuon;
namespace fs = std::filesystem;

namespace {

// In front of a command; "" where the shim cannot be loaded, as under a sanitizer.
std::string on_disk(const std::string& answers) {
  const std::string shim = DROPMUON_FILE_SYSTEM_SHIM;
  return shim.empty() ? "" : answers + " LD_PRELOAD=" + shim + " ";
}

bool skipped() {
  if (!on_disk("").empty()) return false;
  WARN("skipped: no library can be put in front of a program with sanitizers");
  return true;
}

std::size_t warnings_in(const std::string& text) {
  const std::string words = "warning: this file system has no locks: do not run two processes in";
  std::size_t count = 0;
  for (std::size_t at = text.find(words); at != std::string::npos; at = text.find(words, at + 1)) {
    ++count;
  }
  return count;
}

bool any_run(const Sandbox& sandbox) {
  std::error_code ignored;
  return fs::directory_iterator(sandbox / "runs/small", ignored) != fs::directory_iterator();
}

}  // namespace

TEST_CASE("train, resume and sweep work where locks, fsync or free space are not known") {
  if (skipped()) return;
  const std::string answers = GENERATE(  // ENOSYS, ENOTSUP, ENOLCK, EINVAL; EBADF
      "ODD_FLOCK=38 ODD_FSYNC_FOLDER=95", "ODD_FLOCK=9 ODD_FSYNC_FOLDER=524",
      "ODD_FLOCK=95 ODD_FSYNC_FOLDER=38 ODD_STATVFS=zero",
      "ODD_FLOCK=37 ODD_FSYNC_FOLDER=9 ODD_FSYNC_FILE=22",
      "ODD_FLOCK=22 ODD_FSYNC_FOLDER=22 ODD_FSYNC_FILE=38 ODD_STATVFS=38");
  CAPTURE(answers);
  const SweepSandbox sandbox("seeds: 1\n");
  const std::string odd = on_disk(answers) + program();
  const Outcome trained = run_script(odd + " train -q " + sandbox.config());
  CAPTURE(trained.output);
  CHECK(trained.code == 0);
  CHECK(warnings_in(trained.output) == 1);
  const std::string run = sandbox.only_run();
  std::ofstream(run + "/STATUS") << "stopped\n";
  const Outcome resumed = run_script(odd + " train --resume " + run);
  CAPTURE(resumed.output);
  CHECK(resumed.code == 0);
  CHECK_THAT(resumed.output, Catch::Contains("going on after step 20"));
  const Outcome swept = run_script(odd + " sweep " + sandbox.file);
  CAPTURE(swept.output);
  CHECK(swept.code == 0);
  CHECK(warnings_in(swept.output) == 1);
  CHECK(sandbox.status("seed=0") == "done\n");
}

TEST_CASE("a disk that answers with an error about its space is warned of once, and written to") {
  if (skipped()) return;
  for (const std::string error : {"5", "13", "2", "116", "40"}) {  // EIO, EACCES, ENOENT, ESTALE
    CAPTURE(error);
    const Sandbox sandbox;
    const Outcome outcome = run_script(on_disk("ODD_STATVFS=" + error) + program() + " train -q " +
                                       sandbox.config() + " checkpoint.every_steps=2");
    CAPTURE(outcome.output);
    CHECK(outcome.code == 0);
    const auto lines = std::count(outcome.output.begin(), outcome.output.end(), '\n');
    CHECK(lines == (error == "13" ? 1 : 2));  // not being allowed to ask is nothing odd
    if (error == "13") continue;
    CHECK_THAT(outcome.output, Catch::Contains("warning: cannot ask for the free space of ") &&
                                   Catch::Contains("without knowing that they fit"));
  }
}

TEST_CASE("an answer of a broken disk ends the run before it begins, and leaves no folder") {
  if (skipped()) return;
  for (const std::string answers : {"ODD_FLOCK=5", "ODD_FSYNC_FOLDER=5", "ODD_FSYNC_FILE=28"}) {
    CAPTURE(answers);
    const Sandbox sandbox;
    const Outcome outcome =
        run_script(on_disk(answers) + program() + " train -q " + sandbox.config());
    CAPTURE(outcome.output);
    CHECK(outcome.code == 73);
    CHECK(std::count(outcome.output.begin(), outcome.output.end(), '\n') == 1);
    CHECK_FALSE(any_run(sandbox));
  }
}

TEST_CASE("a limit on the size of files is an error that is told, and no sudden end") {
  const Sandbox sandbox;
  const Outcome outcome = run_script("ulimit -f 16; " + program() + " train -q " +
                                     sandbox.config() + " model.channels=[32,64]");
  CAPTURE(outcome.output);
  CHECK(outcome.code == 73);
  CHECK_THAT(outcome.output, Catch::Contains("File too large"));
  const std::string run = sandbox.only_run();
  CHECK(Sandbox::read(run + "/STATUS") == "failed\n");
  CHECK_THAT(Sandbox::read(run + "/error.txt"), Catch::Contains("File too large"));
}

TEST_CASE("at the soft limit of processor time a run stops in order, however often it is told") {
  const Sandbox sandbox;
  const Outcome outcome =
      run_script("ulimit -S -t 3; " + program() + " train " + sandbox.config() +
                 " train.epochs=1 train.max_steps=null data.train_limit=null "
                 "train.batch_size=4096 model.channels=[64,128] train.epochs=1000");
  CAPTURE(outcome.output);
  CHECK(outcome.code == 75);
  CHECK_THAT(outcome.output, Catch::Contains("the limit of processor time is reached"));
  CHECK(Sandbox::read(sandbox.only_run() + "/STATUS") == "stopped\n");
}
