// SPDX-License-Identifier: MIT
// A sweep that is killed again and again ends as one that nothing happened to.
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <random>
#include <sstream>
#include <thread>

#include <fcntl.h>
#include <nlohmann/json.hpp>

#include "catch.h"
#include "sweep_sandbox.h"
#include <dropmuon/experiments/sweep.h>

using namespace dropmuon;

namespace {

namespace fs = std::filesystem;

constexpr int kKills = 10;
constexpr std::size_t kJobs = 24;

std::string sweep_file(const Sandbox& sandbox, const std::string& runs) {
  return sandbox.write(runs + ".yaml",
                       fmt::format("name: s\n"
                                   "runs_dir: {}\n"
                                   "base: good.yaml\n"
                                   "set: {{train.epochs: 6, train.eval_every_epochs: 2, "
                                   "data.train_limit: 200, device: cpu}}\n"
                                   "cases:\n"
                                   "  muon: {{sampling.scheme: full}}\n"
                                   "  drop_muon: {{sampling.scheme: uniform}}\n"
                                   "grid: {{optimizer.lr: [0.01, 0.02, 0.05]}}\n"
                                   "seeds: 4\n",
                                   sandbox / runs));
}

// The program in a process group of its own, so that the group can be killed without the test.
pid_t start_sweep(const std::string& file, const std::string& output) {
  const std::string path = program();
  const pid_t pid = fork();
  if (pid != 0) return pid;
  setpgid(0, 0);
  const int out = open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  dup2(out, STDOUT_FILENO);
  dup2(out, STDERR_FILENO);
  execl(path.c_str(), "dropmuon", "sweep", file.c_str(), "-j", "2", nullptr);
  _exit(127);
}

std::vector<pid_t> children_of(pid_t pid) {
  std::istringstream list(Sandbox::read(fmt::format("/proc/{}/task/{}/children", pid, pid)));
  return {std::istream_iterator<pid_t>(list), {}};
}

// As an impatient user, an out-of-memory killer and a power cut do it, in turn.
void kill_sweep(pid_t pid, int way) {
  const std::vector<pid_t> children = children_of(pid);
  kill(way == 1 ? -pid : pid, SIGKILL);
  for (const pid_t child : children) {
    if (way == 2) kill(child, SIGKILL);
  }
}

// metrics.jsonl without what is a matter of time.
std::string timeless(const std::string& folder) {
  std::istringstream lines(Sandbox::read(folder + "/metrics.jsonl"));
  std::string text;
  std::int64_t last = -1;
  for (std::string line; std::getline(lines, line);) {
    auto row = nlohmann::json::parse(line);
    const auto step = row.at("step").get<std::int64_t>();
    CHECK(step >= last);
    last = step;
    for (const char* key : {"time/train_s", "time/forward_s", "time/backward_s", "time/optimizer_s",
                            "perf/images_per_s"}) {
      row.erase(key);
    }
    text += row.dump() + "\n";
  }
  return text;
}

std::size_t count(const std::string& text, const std::string& word) {
  std::size_t found = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
    ++found;
  }
  return found;
}

struct TortureScene {
  Sandbox sandbox;
  ~TortureScene() { stop_all_in(sandbox / ""); }
};

}  // namespace

TEST_CASE(
    "the jobs of a sweep that is killed many times are each done once, as if nothing happened",
    "[large]") {
  const TortureScene scene;
  const Sandbox& sandbox = scene.sandbox;
  const std::string killed = sweep_file(sandbox, "killed");
  const std::string calm = sweep_file(sandbox, "calm");
  const auto begin = std::chrono::steady_clock::now();
  REQUIRE(run_program("sweep -q -j 2 " + calm).code == 0);
  const std::chrono::duration<double, std::milli> calm_time =
      std::chrono::steady_clock::now() - begin;
  // Together, on average, half of what it takes to do all jobs.
  std::uniform_real_distribution<double> pause(0.0, calm_time.count() / kKills);

  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  int kills = 0;
  int status = 0;
  for (int invocation = 0; invocation < 40 && kills < kKills; ++invocation) {
    const pid_t pid = start_sweep(killed, sandbox / "output");
    std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(pause(random)));
    if (waitpid(pid, &status, WNOHANG) == pid) {  // it was faster: once more from the start
      fs::remove_all(sandbox / "killed");
      fs::remove(sandbox / "output");
      kills = 0;
      continue;
    }
    kill_sweep(pid, kills % 3);
    REQUIRE(waitpid(pid, &status, 0) == pid);
    ++kills;
  }
  CHECK(kills == kKills);
  REQUIRE(waitpid(start_sweep(killed, sandbox / "output"), &status, 0) > 0);
  CHECK(status == 0);

  const Sweep sweep = load_sweep(killed, {});
  REQUIRE(sweep.jobs.size() == kJobs);
  std::size_t resumed = 0;
  for (const SweepJob& job : sweep.jobs) {
    const std::string twin = sandbox / ("calm/s/" + job.label);
    CAPTURE(job.label, Sandbox::read(job.folder + "/log.txt"));
    CHECK(Sandbox::read(job.folder + "/STATUS") == "done\n");
    CHECK(Sandbox::read(job.folder + "/weights.safetensors") ==
          Sandbox::read(twin + "/weights.safetensors"));
    CHECK(timeless(job.folder) == timeless(twin));
    // A kill between STATUS and the last line of the log leaves it without that line.
    const std::string log = Sandbox::read(job.folder + "/log.txt");
    CHECK(count(log, "done after") <= 1);
    resumed += count(log, "going on after step") > 0 ? 1 : 0;
  }
  CHECK(resumed > 0);
  const std::string output = Sandbox::read(sandbox / "output");
  for (const SweepJob& job : sweep.jobs)
    CHECK(count(output, "] done      " + job.label + " ") <= 1);
}
