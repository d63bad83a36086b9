// SPDX-License-Identifier: MIT
// Folders of jobs: made once, whatever interrupts it, and never over something else.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <sys/inotify.h>
#include <sys/wait.h>
#include <unistd.h>

#include "catch.h"
#include "sweep_fixture.h"

using namespace dropmuon;

namespace {

const std::string kMany =
    "base: base.yaml\nname: s\ncases: {a: , b: }\n"
    "random: {samples: 10, axes: {optimizer.lr: {log_uniform: [0.01, 0.1]}}}\n";

// Runs prepare_jobs in a process of its own.
pid_t prepare_elsewhere(const Sweep& sweep) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  try {
    prepare_jobs(sweep);
  } catch (const Error& error) {
    ::_exit(static_cast<int>(error.code()));
  }
  ::_exit(0);
}

int exit_code(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string refusal_of(const Sweep& sweep) {
  try {
    prepare_jobs(sweep);
  } catch (const Error& error) {
    return std::to_string(static_cast<int>(error.code())) + ": " + error.what();
  }
  return "";
}

std::vector<std::string> files_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

void check_complete(const SweepFolder& folder, const Sweep& sweep) {
  for (const SweepJob& job : sweep.jobs) {
    INFO(job.label);
    const std::string place = "runs/s/" + job.label;
    CHECK(folder.read(place + "/config.yaml") == to_yaml(job.config));
    CHECK(folder.read(place + "/STATUS") == "waiting\n");
    CHECK(files_in(job.folder) == std::vector<std::string>{"STATUS", "config.yaml"});
  }
  CHECK(folder.read("runs/s/sweep.yaml") == sweep.definition);
  CHECK(files_in(sweep.folder).size() == sweep.jobs.size() + 2);  // the definition, the lock
}

}  // namespace

TEST_CASE("sweep: every job gets its folder, its configuration and STATUS waiting") {
  const SweepFolder folder;
  const Sweep sweep = folder.load(kMany);
  folder.write("runs/s/sweep.yaml.tmp-1", "left by a preparation that was killed");
  for (const char* name : {"STATUS.tmp-1", "config.yaml.tmp-1"}) {
    folder.write("runs/s/" + sweep.jobs[0].label + "/" + name, "and these");
  }
  prepare_jobs(sweep);
  check_complete(folder, sweep);
  prepare_jobs(sweep);
  check_complete(folder, sweep);
}

TEST_CASE("sweep: jobs that are there stay as they are, new ones are added") {
  const SweepFolder folder;
  const std::string text = "base: base.yaml\nname: s\nseeds: ";
  prepare_jobs(folder.load(text + "1\n"));
  folder.write("runs/s/seed=0/STATUS", "done\n");
  folder.write("runs/s/seed=0/weights.tmp", "not ours\n");
  const auto before = std::filesystem::last_write_time(folder / "runs/s/seed=0/config.yaml");
  const Sweep larger = folder.load(text + "2\n");
  prepare_jobs(larger);
  CHECK(folder.read("runs/s/seed=0/STATUS") == "done\n");
  CHECK(folder.read("runs/s/seed=0/weights.tmp") == "not ours\n");
  CHECK(std::filesystem::last_write_time(folder / "runs/s/seed=0/config.yaml") == before);
  CHECK(folder.read("runs/s/seed=1/STATUS") == "waiting\n");
  CHECK(folder.read("runs/s/sweep.yaml") == larger.definition);
}

TEST_CASE("sweep: a folder with another configuration is refused before anything is made") {
  const SweepFolder folder;
  const std::string text = "base: base.yaml\nname: s\ncases: {b: , a: }\n";
  prepare_jobs(folder.load("base: base.yaml\nname: s\ncases: {a: {train.epochs: 9}}\n"));
  const std::string before = folder.read("runs/s/a-seed=0/config.yaml");
  const std::string refused = refusal_of(folder.load(text));
  CHECK_THAT(refused,
             Catch::StartsWith("78: " + (folder / "runs/s/a-seed=0/config.yaml")) &&
                 Catch::Contains("another configuration than job 'a-seed=0' of sweep 's'"));
  CHECK(refused.find('\n') == std::string::npos);
  CHECK(folder.read("runs/s/a-seed=0/config.yaml") == before);
  CHECK_FALSE(std::filesystem::exists(folder / "runs/s/b-seed=0"));
}

TEST_CASE("sweep: the same configuration in the words of an older program is accepted") {
  const SweepFolder folder;
  const Sweep sweep = folder.load("base: base.yaml\nname: s\n");
  prepare_jobs(sweep);
  std::string older = folder.read("runs/s/seed=0/config.yaml");
  const std::size_t key = older.find("graphs: true\n");  // the default
  REQUIRE(key != std::string::npos);
  older.erase(key, 13);
  folder.write("runs/s/seed=0/config.yaml", older);
  prepare_jobs(sweep);
  CHECK(folder.read("runs/s/seed=0/config.yaml") == older);
}

TEST_CASE("sweep: killed at any moment, preparing again completes it") {
  const SweepFolder folder;
  const Sweep sweep = folder.load(kMany);
  const auto begun = std::chrono::steady_clock::now();
  REQUIRE(exit_code(prepare_elsewhere(sweep)) == 0);
  const auto whole = std::chrono::steady_clock::now() - begun;  // as fast as this machine is
  constexpr int kKills = 20;
  constexpr int kRounds = 600;
  int killed = 0;
  for (int round = 0; round < kRounds && (killed < kKills || round % 10 != 0); ++round) {
    if (round % 10 == 0) std::filesystem::remove_all(folder / "runs");
    const pid_t child = prepare_elsewhere(sweep);
    std::this_thread::sleep_for(whole * (round * 7 % 20) / 20);
    ::kill(child, SIGKILL);
    killed += exit_code(child) == 128 + SIGKILL ? 1 : 0;
    for (const SweepJob& job : sweep.jobs) {  // what is there is whole
      if (!std::filesystem::exists(job.folder + "/config.yaml")) continue;
      const std::string place = "runs/s/" + job.label;
      REQUIRE(folder.read(place + "/config.yaml") == to_yaml(job.config));
      REQUIRE(folder.read(place + "/STATUS") == "waiting\n");
    }
    if (round % 10 != 9) continue;
    prepare_jobs(sweep);
    check_complete(folder, sweep);
  }
  CHECK(killed >= kKills);
}

TEST_CASE("sweep: a configuration appears whole, and after STATUS") {
  const SweepFolder folder;
  const Sweep sweep = folder.load("base: base.yaml\nname: s\n");
  std::filesystem::create_directories(sweep.jobs[0].folder);
  const int watch = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  REQUIRE(::inotify_add_watch(watch, sweep.jobs[0].folder.c_str(), IN_CREATE | IN_MOVED_TO) >= 0);
  prepare_jobs(sweep);
  alignas(inotify_event) char buffer[16384];
  const ssize_t size = ::read(watch, buffer, sizeof buffer);
  ::close(watch);
  std::vector<std::string> appeared;
  for (ssize_t at = 0; at < size;) {
    const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
    const std::string name = event->name;
    if (name == "config.yaml" || name == "STATUS") {
      appeared.push_back((event->mask & IN_MOVED_TO ? "moved " : "created ") + name);
    }
    at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
  }
  CHECK(appeared == std::vector<std::string>{"moved STATUS", "moved config.yaml"});
}

TEST_CASE("sweep: prepared by several processes at once") {
  const SweepFolder folder;
  const Sweep sweep = folder.load(kMany);
  for (int round = 0; round < 5; ++round) {
    std::filesystem::remove_all(folder / "runs");
    std::vector<pid_t> children;
    for (int i = 0; i < 4; ++i) children.push_back(prepare_elsewhere(sweep));
    for (const pid_t child : children) CHECK(exit_code(child) == 0);
    check_complete(folder, sweep);
  }
}

TEST_CASE("sweep: where nothing can be written the error says so") {
  const SweepFolder folder;
  folder.write("runs", "a file\n");
  CHECK_THAT(refusal_of(folder.load(kMany)), Catch::StartsWith("73: "));
}
