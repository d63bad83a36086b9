// SPDX-License-Identifier: MIT
// Stopping a sweep, and sharing its folders with other processes.
#include <csignal>
#include <memory>
#include <sstream>

#include <fcntl.h>
#include <unistd.h>

#include "catch.h"
#include "sweep_run_fixture.h"

using namespace dropmuon;

TEST_CASE("a stop reaches running jobs, and the rest waits for the next invocation") {
  Scripted s(kThree, kCount + "trap 'exit 75' TERM; touch ready; while :; do sleep 0.01; done");
  s.options.tick = std::chrono::milliseconds(10);
  s.watcher.on_refresh = [&](const SweepReport&) {
    if (!s.of(0, "starts").empty() && std::filesystem::exists(s.sweep.jobs[0].folder + "/ready")) {
      s.stops = 1;
    }
  };
  CHECK(s.run().state == JobState::stopped);
  CHECK(s.result.end == SweepEnd::stopped);
  CHECK(s.result.report.count(JobState::waiting) == 2);
  CHECK(s.starts(1) == 0);
}

TEST_CASE("a second stop kills jobs that do not listen") {
  Scripted s(kThree, "trap '' TERM; echo $$ > pid; while :; do sleep 0.01; done");
  s.options.tick = std::chrono::milliseconds(10);
  s.watcher.on_refresh = [&](const SweepReport&) {
    if (!s.of(0, "pid").empty()) ++s.stops;
  };
  const auto begin = std::chrono::steady_clock::now();
  CHECK(s.run().state == JobState::stopped);
  CHECK(s.result.end == SweepEnd::killed);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10));
  CHECK(::kill(std::stoi(s.of(0, "pid")), 0) != 0);
}

TEST_CASE("a job that dies before it listens to SIGTERM was stopped and did not fail") {
  Scripted s(kTwo, "echo $$ > pid; while :; do sleep 0.01; done");
  s.options.tick = std::chrono::milliseconds(10);
  s.watcher.on_refresh = [&](const SweepReport&) { s.stops = s.of(0, "pid").empty() ? 0 : 1; };
  CHECK(s.run().state == JobState::stopped);
}

TEST_CASE("a job hears signals that whoever runs the sweep blocks") {
  Scripted s("name: s\nbase: base.yaml\n", "kill -TERM $$; echo deaf > told; exit 0");
  sigset_t blocked;
  sigset_t before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  s.options.retries = 0;
  const JobReport& job = s.run();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  CHECK_THAT(job.reason, Catch::StartsWith("killed by signal 15"));
  CHECK_FALSE(std::filesystem::exists(s.sweep.jobs[0].folder + "/told"));
}

TEST_CASE("a job that a second signal ends while the sweep stops was stopped and did not fail") {
  Scripted s(kTwo, "trap 'exit 143' TERM; echo $$ > pid; while :; do sleep 0.01; done");
  s.options.tick = std::chrono::milliseconds(10);
  s.watcher.on_refresh = [&](const SweepReport&) { s.stops = s.of(0, "pid").empty() ? 0 : 1; };
  CHECK(s.run().state == JobState::stopped);
}

TEST_CASE("jobs have a process group, no input, and hear of a checkpoint once they listen") {
  Scripted s("name: s\nbase: base.yaml\n",
             "cut -d' ' -f1,5 /proc/$$/stat > group; cat > input\n"
             "kill -USR1 $$\n"  // does nothing yet
             "exec python3 -c '\n"
             "import signal\n"
             "def saved(*_): open(\"saved\", \"w\"); raise SystemExit(0)\n"
             "signal.signal(signal.SIGUSR1, saved); open(\"ready\", \"w\")\n"
             "while True: signal.pause()'");
  s.options.tick = std::chrono::milliseconds(10);
  bool asked = false;
  s.watcher.on_refresh = [&](const SweepReport& report) {
    if (asked || !std::filesystem::exists(report.jobs[0].folder + "/ready")) return;
    s.checkpoint = asked = true;
  };
  const int own_input = dup(STDIN_FILENO);
  const int typed = open(s.folder.write("typed", "for the sweep").c_str(), O_RDONLY);
  dup2(typed, STDIN_FILENO);
  CHECK(s.run().state == JobState::done);
  dup2(own_input, STDIN_FILENO);
  close(own_input);
  close(typed);
  CHECK(std::filesystem::exists(s.sweep.jobs[0].folder + "/saved"));
  std::istringstream group(s.of(0, "group"));
  int pid = 0;
  int own = 0;
  REQUIRE(group >> pid >> own);
  CHECK(pid == own);
  CHECK(s.of(0, "input").empty());
}

TEST_CASE("what ends the sweep ends its jobs") {
  Scripted s(kTwo, "trap 'touch heard; exit 75' TERM; echo $$ > pid; while :; do sleep 0.01; done");
  s.options.tick = std::chrono::milliseconds(10);
  s.watcher.on_refresh = [&](const SweepReport&) {
    if (!s.of(0, "pid").empty()) fail(ExitCode::cannot_write, "no room");
  };
  CHECK(refusal(s) == ExitCode::cannot_write);
  CHECK(std::filesystem::exists(s.sweep.jobs[0].folder + "/heard"));
  CHECK(::kill(std::stoi(s.of(0, "pid")), 0) != 0);
}

TEST_CASE("a folder in which another process works is waited for") {
  Scripted s(kTwo, kDone);
  prepare_jobs(s.sweep);
  auto held = std::make_unique<FolderLock>(s.sweep.jobs[0].folder);
  s.watcher.on_event = [&](const SweepReport&, const JobReport& job) {
    if (job.label == s.sweep.jobs[1].label && job.state == JobState::done) held.reset();
  };
  CHECK(s.run().state == JobState::done);
  CHECK(s.starts(0) == 1);
  const auto at = labels(s.sweep);
  CHECK(s.watcher.events == std::vector<std::string>{"begin", at[0] + " waiting",
                                                     at[1] + " running", at[1] + " done",
                                                     at[0] + " running", at[0] + " done"});
}

TEST_CASE("what another process finished in the meantime is not done again") {
  Scripted s(kTwo, kDone);
  prepare_jobs(s.sweep);
  auto held = std::make_unique<FolderLock>(s.sweep.jobs[0].folder);
  s.watcher.on_event = [&](const SweepReport&, const JobReport& job) {
    if (job.state != JobState::done) return;
    s.set_status(0, "diverged");
    held.reset();
  };
  CHECK(s.run().state == JobState::diverged);
  CHECK(s.starts(0) == 0);
}

TEST_CASE("a folder that stays in use is left to the other process, which is no failure") {
  Scripted s(kTwo, kDone);
  s.options.lock_wait = std::chrono::milliseconds(200);
  prepare_jobs(s.sweep);
  const FolderLock held(s.sweep.jobs[0].folder);
  CHECK(s.run().state == JobState::left);
  CHECK(s.result.end == SweepEnd::complete);
  CHECK(s.result.report.count(JobState::failed) == 0);
  CHECK(s.watcher.events[1] == labels(s.sweep)[0] + " waiting");
  CHECK(s.watcher.events.back() == labels(s.sweep)[0] + " left");
  CHECK(s.result.report.jobs[0].reason ==
        "another process is at work in " + s.sweep.jobs[0].folder);
  CHECK(s.result.report.jobs[1].state == JobState::done);
  CHECK(s.starts(0) == 0);
}

TEST_CASE(
    "jobs whose folders go away, before they start or while they run, fail and the sweep goes on") {
  Scripted s("name: s\nbase: base.yaml\nseeds: 4\n",
             "case $PWD in *seed=2) rm -r \"$PWD\"; exit 70;; esac\n" + kDone);
  s.watcher.on_event = [&](const SweepReport&, const JobReport& job) {
    if (job.state == JobState::done) std::filesystem::remove_all(s.sweep.jobs[1].folder);
  };
  CHECK(s.run().state == JobState::done);
  CHECK(s.result.end == SweepEnd::complete);
  CHECK_THAT(s.result.report.jobs[1].reason,
             Catch::StartsWith("no run folder " + s.sweep.jobs[1].folder));
  CHECK_THAT(s.result.report.jobs[2].reason,
             Catch::StartsWith("no run folder " + s.sweep.jobs[2].folder));
  CHECK(s.result.report.count(JobState::failed) == 2);
  CHECK(s.result.report.jobs[3].state == JobState::done);
}
