// SPDX-License-Identifier: MIT
// The jobs of a sweep with shell scripts in place of training: who is started, how often, where,
// and what becomes of it.
#include <sched.h>

#include "../../src/experiments/sweep/pool.h"
#include "catch.h"
#include "sweep_run_fixture.h"

using namespace dropmuon;

TEST_CASE("a sweep runs what is neither done nor diverged, in order") {
  Scripted s("name: s\nbase: base.yaml\nseeds: 6\n", kDone);
  prepare_jobs(s.sweep);
  const std::vector<std::string> statuses = {"waiting", "done",    "diverged",
                                             "failed",  "stopped", "running"};
  for (std::size_t i = 0; i < statuses.size(); ++i) s.set_status(i, statuses[i]);
  s.run();
  CHECK(s.result.end == SweepEnd::complete);
  CHECK(s.result.report.finished() == 6);
  for (std::size_t i = 0; i < statuses.size(); ++i) {
    CAPTURE(statuses[i]);
    CHECK(s.starts(i) == (i == 1 || i == 2 ? 0 : 1));
  }
  const auto at = labels(s.sweep);
  CHECK(s.watcher.events == std::vector<std::string>{"begin", at[0] + " running", at[0] + " done",
                                                     at[3] + " running", at[3] + " done",
                                                     at[4] + " running", at[4] + " done",
                                                     at[5] + " running", at[5] + " done"});
  s.run();
  CHECK(s.starts(0) == 1);
}

TEST_CASE("a job is tried again if its failure may pass, and by the next invocation") {
  const auto starts = [](const std::string& end, int retries, JobState expected) {
    Scripted s("name: s\nbase: base.yaml\n", kCount + end);
    s.options.retries = retries;
    CHECK(s.run().state == expected);
    CHECK(s.result.end == SweepEnd::complete);
    const std::size_t first = s.starts(0);
    CHECK(s.result.report.jobs[0].attempts == static_cast<int>(first));
    if (expected == JobState::failed) s.run();
    CHECK(s.starts(0) == (expected == JobState::failed ? 2 * first : first));
    return first;
  };
  CHECK(starts("exit 70", 1, JobState::failed) == 2);
  CHECK(starts("exit 73", 2, JobState::failed) == 3);
  CHECK(starts("exit 70", 0, JobState::failed) == 1);
  CHECK(starts("kill -SEGV $$", 1, JobState::failed) == 2);
  CHECK(starts("[ $(wc -c < starts) = 1 ] && exit 70; exit 0", 1, JobState::done) == 2);
  for (const std::string code : {"65", "66", "69", "78"}) {
    CHECK(starts("exit " + code, 5, JobState::failed) == 1);
  }
  CHECK(starts("exit 76", 1, JobState::diverged) == 1);
  CHECK(starts("exit 75", 1, JobState::stopped) == 1);
}

TEST_CASE("the reason of a failure is the error that the program gave last") {
  const auto reason = [](const std::string& script) {
    Scripted s("name: s\nbase: base.yaml\n", script);
    s.options.retries = 0;
    return s.run().reason;
  };
  CHECK(reason("echo noise; echo 'dropmuon: no data' >&2; exit 66") == "no data");
  CHECK(reason("printf 'dropmuon: a.yaml:1:1: bad\\n  x: 1\\n  ^\\n'; exit 78") ==
        "a.yaml:1:1: bad");
  CHECK(reason("printf 'half a line'; exit 70") == "half a line");
  CHECK(reason("exit 9") == "exit code 9");
  CHECK_THAT(reason("echo said; kill -KILL $$"), Catch::StartsWith("killed by signal 9 (Killed)"));
  Scripted s("name: s\nbase: base.yaml\n", "");
  s.options.program = s.folder / "nothing";
  s.options.retries = 0;
  CHECK(s.run().reason == "cannot start " + s.options.program + ": No such file or directory");
  prepare_jobs(s.sweep);
  std::filesystem::remove(s.sweep.jobs[0].folder + "/job.log");
  std::filesystem::create_directory(s.sweep.jobs[0].folder + "/job.log");
  CHECK_THAT(s.run().reason, Catch::StartsWith("cannot write ") && Catch::Contains("job.log"));
  CHECK(s.result.report.count(JobState::failed) == 1);
}

TEST_CASE("an old failure is not taken for the reason of a new one") {
  Scripted s("name: s\nbase: base.yaml\n",
             kCount + "[ $(wc -c < starts) = 1 ] && echo 'dropmuon: first' && exit 70; exit 70");
  CHECK(s.run().reason == "exit code 70");
  CHECK_THAT(s.of(0, "job.log"), Catch::Contains("dropmuon: first"));
}

TEST_CASE("slots split the CPUs evenly, and one slot leaves them alone") {
  using Sets = std::vector<std::vector<int>>;
  CHECK(split_cpus({0, 1, 2, 3}, 2) == Sets{{0, 1}, {2, 3}});
  CHECK(split_cpus({4, 0, 6, 2, 1}, 2) == Sets{{4, 0}, {6, 2}});
  CHECK(split_cpus({3, 5}, 2) == Sets{{3}, {5}});
  CHECK_THROWS_WITH(split_cpus({3, 5}, 3),
                    "-j 3: this process may use 2 CPUs; ask for at most as many jobs");
  const std::string report = "grep Cpus_allowed_list /proc/self/status > cpus; sleep 0.3\n" + kDone;
  Scripted alone(kTwo, report);
  alone.run();
  CHECK(alone.of(0, "cpus") == alone.of(1, "cpus"));
  CHECK(alone.result.report.cpus_per_slot == 0);
  const std::vector<int> cpus = usable_cpus();
  if (cpus.size() < 2) {
    WARN("skipped: two slots need two processors");
    return;
  }
  Scripted pair(kTwo, report);
  pair.options.slots = 2;
  pair.run();
  CHECK(pair.result.report.cpus_per_slot == static_cast<int>(cpus.size() / 2));
  CHECK(pair.of(0, "cpus") != pair.of(1, "cpus"));
  CHECK(pair.of(0, "cpus") != alone.of(0, "cpus"));
  if (cpus.size() == 2) {
    CHECK(pair.of(0, "cpus") == fmt::format("Cpus_allowed_list:\t{}\n", cpus[0]));
    CHECK(pair.of(1, "cpus") == fmt::format("Cpus_allowed_list:\t{}\n", cpus[1]));
  }
}

TEST_CASE("more slots than CPUs are refused before anything is made") {
  Scripted s(kTwo, kDone);
  s.options.slots = CPU_SETSIZE + 1;
  CHECK(refusal(s) == ExitCode::usage);
  CHECK_FALSE(std::filesystem::exists(s.folder / "runs"));
}

TEST_CASE("one process at a time runs a sweep") {
  Scripted s(kTwo, kDone);
  prepare_jobs(s.sweep);
  const FolderLock held(s.sweep.folder);
  CHECK(refusal(s) == ExitCode::cannot_write);
  CHECK(s.starts(0) == 0);
}

TEST_CASE("slots take the boards in turn, unless a configuration names its device") {
  const std::string devices =
      "name: s\nbase: base.yaml\ncases:\n  auto: {device: auto}\n  named: {device: cpu}\n";
  Scripted s(devices,
             "echo \"$BOARD.\" > board\n"
             "tr '\\0' '\\n' < /proc/$$/environ | grep -c ^BOARD= > times\n" +
                 kDone);
  s.options.boards = {"BOARD=7", "BOARD=8"};
  setenv("BOARD", "mine", 1);
  s.run();
  unsetenv("BOARD");
  CHECK(s.of(0, "board") == "7.\n");
  CHECK(s.of(0, "times") == "1\n");
  CHECK(s.of(1, "board") == "mine.\n");
  if (usable_cpus().size() < 2) {
    WARN("skipped: two slots need two processors");
    return;
  }
  Scripted pair(kTwo, "echo $BOARD > board; sleep 0.2\n" + kDone);
  pair.sweep.jobs[0].config.device.device = pair.sweep.jobs[1].config.device.device = "auto";
  pair.options = {.slots = 2, .program = pair.options.program, .boards = {"BOARD=7", "BOARD=8"}};
  pair.run();
  CHECK(pair.of(0, "board") == "7\n");
  CHECK(pair.of(1, "board") == "8\n");
}

TEST_CASE("a report has the progress of its jobs and the time that is left") {
  Scripted s(kTwo,
             "printf '{\"step\":4,\"epoch\":0.4,\"test/accuracy\":0.5,\"perf/images_per_s\":90}\\n"
             "{\"step\":5,\"epoch\":0.5}\\n{\"step\":6,' > metrics.jsonl; sleep 0.2\n" +
                 kDone);
  s.options.tick = std::chrono::milliseconds(10);
  std::vector<double> left;
  s.watcher.on_refresh = [&](const SweepReport& report) {
    if (report.left) left.push_back(*report.left);
  };
  const JobReport& job = s.run();
  CHECK(job.step == 5);
  CHECK(job.total_steps == 20);
  CHECK(job.epoch == 0.5);
  CHECK(job.test_accuracy == 0.5);
  CHECK(job.images_per_second == 90.0);
  CHECK(job.seconds > 0.1);
  REQUIRE(left.size() > 1);
  CHECK(left.front() <= job.seconds);  // that of the second job, if it takes as long as the first
  CHECK(left.back() < left.front());
  CHECK_FALSE(s.result.report.left);
}
