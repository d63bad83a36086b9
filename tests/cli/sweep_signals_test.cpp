// SPDX-License-Identifier: MIT
// Signals to a sweep: its jobs stop in order, or at once, and none outlives it.
#include <chrono>
#include <thread>

#include "catch.h"
#include "sweep_sandbox.h"

using namespace dropmuon;
namespace fs = std::filesystem;

TEST_CASE("SIGINT, SIGTERM and SIGHUP stop the jobs in order") {
  for (const std::string signal : {"INT", "TERM", "HUP"}) {
    const SweepSandbox sandbox;
    const Outcome outcome =
        sandbox.while_running("", "kill -" + signal + " $sweep; wait $sweep; echo code $?");
    CAPTURE(signal, outcome.output);
    CHECK_THAT(
        outcome.output,
        Catch::Contains("stopping: 1 running job saves its state; once more ends it at once\n") &&
            Catch::Contains("[0/2] stopped   seed=0") &&
            Catch::EndsWith(sandbox.folder() +
                            "\ndropmuon: stopped with 0 of 2 jobs finished; the same "
                            "command goes on\ncode 75\n"));
    CHECK(sandbox.status("seed=0") == "stopped\n");
    CHECK(sandbox.status("seed=1") == "waiting\n");
    CHECK_FALSE(fs::is_empty(sandbox.job("seed=0") + "/checkpoints"));
  }
}

TEST_CASE("a signal that comes to the sweep and to its job is one request to either") {
  std::string status;
  for (int attempt = 0; attempt < 3; ++attempt) {  // a machine that stalls between may make it two
    const SweepSandbox sandbox;
    const Outcome outcome =
        sandbox.while_running("",
                              "child=$(cat /proc/$sweep/task/$sweep/children)\n"
                              "kill -TERM $sweep $child $sweep; wait $sweep; echo code $?");
    CAPTURE(outcome.output);
    CHECK_THAT(outcome.output, Catch::EndsWith("code 75\n"));
    status = sandbox.status("seed=0");
    if (status == "stopped\n") break;
  }
  CHECK(status == "stopped\n");
}

TEST_CASE("a second signal kills the jobs and ends the sweep at once") {
  const SweepSandbox sandbox;
  const Outcome outcome = sandbox.while_running(
      "",
      "child=$(cat /proc/$sweep/task/$sweep/children)\nkill -STOP $child\n"  // deaf to the first
      "kill -TERM $sweep; sleep 0.6\n"
      // A machine that stalls in between makes one request of two; hence more.
      "for i in $(seq 50); do kill -INT $sweep 2>/dev/null || break; sleep 0.6; done\n"
      "wait $sweep; echo code $?\n"
      "kill -0 $child 2>/dev/null && echo alive");
  CAPTURE(outcome.output);
  CHECK_THAT(outcome.output, Catch::EndsWith("code 130\n"));
  CHECK(sandbox.status("seed=0") == "running\n");
}

TEST_CASE("SIGUSR1 makes the jobs save their state and go on") {
  const SweepSandbox sandbox;
  const std::string latest = sandbox.job("seed=0") + "/checkpoints/latest";
  const Outcome outcome = sandbox.while_running(
      "checkpoint.best=false checkpoint.every_epochs=null",  // so that nothing but the signal saves
      "ls " + latest + " 2>/dev/null && echo too early\nkill -USR1 $sweep\n" +
          "for i in $(seq 1200); do ls " + latest +
          " 2>/dev/null && break; sleep 0.05; done\n"
          "kill -0 $sweep && echo goes on; kill -INT $sweep; wait $sweep");
  CAPTURE(outcome.output);
  CHECK(outcome.code == 75);
  CHECK_THAT(outcome.output, Catch::Contains(latest + "\ngoes on\n"));
  CHECK_THAT(outcome.output, !Catch::Contains("too early"));
}

TEST_CASE("one sweep at a time works in a folder") {
  const SweepSandbox sandbox;
  const Outcome outcome = sandbox.while_running(
      "-q",
      program() + " sweep " + sandbox.file +
          " train.epochs=1000000 checkpoint.every_epochs=1000; echo code $?; kill $sweep; wait");
  CAPTURE(outcome.output);
  CHECK_THAT(outcome.output, Catch::StartsWith("dropmuon: another process is at work in " +
                                               sandbox.folder() + "\ncode 73\n"));
}

TEST_CASE("jobs of a sweep that was killed stop in order by themselves") {
  const SweepSandbox sandbox;
  const Outcome outcome = sandbox.while_running("", "kill -KILL $sweep; wait $sweep; echo code $?");
  CHECK_THAT(outcome.output, Catch::Contains("code 137"));
  const auto begin = std::chrono::steady_clock::now();
  while (sandbox.status("seed=0") != "stopped\n") {
    REQUIRE(std::chrono::steady_clock::now() - begin < std::chrono::seconds(20));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  CHECK_THAT(Sandbox::read(sandbox.job("seed=0/job.log")),
             Catch::Contains("stopping once the step in hand"));
}
