// SPDX-License-Identifier: MIT
// Emitted scripts, run by the real schedulers: GNU parallel, and a Slurm of one node.
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "catch.h"
#include "program.h"
#include <dropmuon/experiments/sweep.h>

using namespace dropmuon;

namespace {

// A sweep of four jobs in a folder with a name that needs quoting, and a program that fails the
// first time it gets a job of seed 1.
struct Scene {
  Sandbox sandbox;
  std::string home = sandbox / "it's 100%j \"mine\"";
  std::string definition;
  std::string program_once;

  Scene() {
    definition = sandbox.write("s.yaml",
                               "base: good.yaml\nname: s\n"
                               "cases: {a: {sampling.scheme: full}, b: }\nseeds: 2\n"
                               "set: {threads: 1}\n");
    program_once = sandbox.write(
        "it's 100%j \"mine\"/fails once.sh",
        "#!/bin/sh\n"
        "here=$(dirname \"$0\")\n"
        "case \"$3\" in *b-seed=1) [ -e \"$here/failed\" ] || { touch \"$here/failed\"; exit 1; };;"
        " esac\n"
        "exec '" +
            program() + "' \"$@\"\n");
    std::filesystem::permissions(program_once, std::filesystem::perms::owner_all);
  }
  Sweep sweep(std::vector<std::string> overrides = {}) const {
    overrides.push_back("runs_dir=" + home + "/runs");
    return load_sweep(definition, overrides);
  }
  std::string status(const SweepJob& job) const { return Sandbox::read(job.folder + "/STATUS"); }
  // How often a job was really trained: provenance is written then.
  bool trained(const SweepJob& job) const {
    return std::filesystem::exists(job.folder + "/summary.json");
  }
};

void check_first_pass(const Scene& scene, const Sweep& sweep) {
  for (const SweepJob& job : sweep.jobs) {
    CAPTURE(job.label);
    CHECK(scene.status(job) == (job.label == "b-seed=1" ? "waiting\n" : "done\n"));
    CHECK(scene.trained(job) == (job.label != "b-seed=1"));
  }
}

std::vector<std::filesystem::file_time_type> times_of(const Sweep& sweep) {
  std::vector<std::filesystem::file_time_type> times;
  for (const SweepJob& job : sweep.jobs) {
    const std::string file = job.folder + "/summary.json";
    times.push_back(std::filesystem::exists(file) ? std::filesystem::last_write_time(file)
                                                  : std::filesystem::file_time_type::min());
  }
  return times;
}

// The second pass does the job that failed, and no other.
void check_second_pass(const Scene& scene, const Sweep& sweep,
                       const std::vector<std::filesystem::file_time_type>& first) {
  const auto second = times_of(sweep);
  for (std::size_t i = 0; i < sweep.jobs.size(); ++i) {
    CAPTURE(sweep.jobs[i].label);
    CHECK(scene.status(sweep.jobs[i]) == "done\n");
    CHECK((second[i] == first[i]) == (sweep.jobs[i].label != "b-seed=1"));
  }
}

bool has_parallel() { return run_script("parallel --version | grep -q '^GNU parallel'").code == 0; }

// A Slurm of its own that ends with the object.
class SlurmNode {
 public:
  SlurmNode() {
    started_ = run_script(script() + " start " + folder());
    if (started_.code != 0) return;
    ::setenv("SLURM_CONF", (folder() + "/slurm.conf").c_str(), 1);
  }
  ~SlurmNode() {
    if (started_.code == 0) run_script(script() + " stop " + folder());
  }
  SlurmNode(const SlurmNode&) = delete;
  SlurmNode& operator=(const SlurmNode&) = delete;
  const Outcome& started() const { return started_; }
  // The last lines of the daemons' logs, for failures.
  std::string log() const { return run_script("tail -qn 5 " + folder() + "/slurm*d.log").output; }

 private:
  static std::string script() {
    return std::string(DROPMUON_SOURCE_DIR) + "/scripts/dev/slurm_node.sh";
  }
  std::string folder() const { return sandbox_ / "slurm"; }
  Sandbox sandbox_;
  Outcome started_;
};

// An end of its own for what a broken node would never end.
Outcome submit_and_wait(const std::string& script) {
  return run_script("cd / && timeout 180 sbatch --wait " + script);
}

bool wait_for_file(const std::string& path) {
  for (int i = 0; i < 600 && !std::filesystem::exists(path); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return std::filesystem::exists(path);
}

}  // namespace

TEST_CASE("sweep: GNU parallel runs the emitted script, a second time it does what failed") {
  if (!has_parallel()) {
    WARN("skipped: no GNU parallel here");
    return;
  }
  const Scene scene;
  const Sweep sweep = scene.sweep();
  prepare_jobs(sweep);
  const std::string script =
      scene.sandbox.write("sweep.sh", parallel_script(sweep, scene.program_once));
  const std::string command = "cd / && HOME=" + scene.sandbox.config() + ".home bash " + script;
  const Outcome first = run_script(command);
  CAPTURE(first.output);
  CHECK(first.code == 1);  // as many as failed
  check_first_pass(scene, sweep);
  const auto times = times_of(sweep);
  const Outcome second = run_script(command + " -j 2");
  CAPTURE(second.output);
  CHECK(second.code == 0);
  check_second_pass(scene, sweep, times);
}

TEST_CASE("sweep: GNU parallel retries by itself where it is asked to") {
  if (!has_parallel()) {
    WARN("skipped: no GNU parallel here");
    return;
  }
  const Scene scene;
  const Sweep sweep = scene.sweep();
  prepare_jobs(sweep);
  const std::string script =
      scene.sandbox.write("sweep.sh", parallel_script(sweep, scene.program_once));
  const Outcome outcome =
      run_script("HOME=" + scene.sandbox.config() + ".home bash " + script + " --retries 2");
  CAPTURE(outcome.output);
  CHECK(outcome.code == 0);
  for (const SweepJob& job : sweep.jobs) CHECK(scene.status(job) == "done\n");
}

TEST_CASE("sweep: the program emits these scripts and prepares their jobs") {
  const Scene scene;
  for (const std::string kind : {"parallel", "slurm"}) {
    const Outcome emitted = run_script(program() + " sweep " + scene.definition + " runs_dir=" +
                                       (scene.sandbox / kind) + " --emit " + kind + " 2>/dev/null");
    const Sweep sweep = load_sweep(scene.definition, {"runs_dir=" + (scene.sandbox / kind)});
    CHECK(emitted.code == 0);
    CHECK(emitted.output ==
          (kind == "slurm" ? slurm_script(sweep, program()) : parallel_script(sweep, program())));
    for (const SweepJob& job : sweep.jobs) CHECK(scene.status(job) == "waiting\n");
  }
}

TEST_CASE("sweep: Slurm accepts the emitted array and runs it, a second time it does what failed") {
  const Scene scene;  // outlives the jobs that write in it
  const SlurmNode node;
  if (node.started().code == 69) {
    WARN("skipped: " << node.started().output);
    return;
  }
  CAPTURE(node.started().output);
  REQUIRE(node.started().code == 0);
  const Sweep sweep = scene.sweep();
  prepare_jobs(sweep);
  const std::string script =
      scene.sandbox.write("sweep.sh", slurm_script(sweep, scene.program_once));
  const Outcome first = submit_and_wait(script);
  CAPTURE(first.output, node.log());
  CHECK(first.code == 1);
  check_first_pass(scene, sweep);
  const auto times = times_of(sweep);
  const Outcome second = submit_and_wait(script);
  CAPTURE(second.output);
  CHECK(second.code == 0);
  check_second_pass(scene, sweep, times);
  CHECK_THAT(run_script("cat " + (scene.sandbox / "it") + "*/runs/s/slurm-*_0.log").output,
             Catch::Contains("done after 20 steps") && Catch::Contains("done already"));
}

TEST_CASE("sweep: a Slurm task that is told to end saves its state, submitting again goes on") {
  const Scene scene;  // outlives the jobs that write in it
  const SlurmNode node;
  if (node.started().code == 69) {
    WARN("skipped: " << node.started().output);
    return;
  }
  REQUIRE(node.started().code == 0);
  const Sweep sweep = scene.sweep({"train.epochs=100000"});
  prepare_jobs(sweep);
  const SweepJob& job = sweep.jobs.front();
  const std::string script = scene.sandbox.write("sweep.sh", slurm_script(sweep, program()));
  const Outcome submitted = run_script("sbatch --parsable --array=0 " + script);
  REQUIRE(submitted.code == 0);
  REQUIRE(wait_for_file(job.folder + "/checkpoints/latest"));
  const std::string id = submitted.output.substr(0, submitted.output.find('\n'));
  CHECK(run_script("scancel --batch --signal=TERM " + id).code == 0);
  REQUIRE(wait_for_file(job.folder + "/summary.json"));
  for (int i = 0; i < 100 && scene.status(job) != "stopped\n"; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  CHECK(scene.status(job) == "stopped\n");
  run_script("sbatch --parsable --array=0 " + script);
  for (int i = 0; i < 600 && scene.status(job) != "running\n"; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  CHECK(scene.status(job) == "running\n");
  for (int i = 0; i < 600; ++i) {
    if (Sandbox::read(job.folder + "/log.txt").find("going on after step") != std::string::npos)
      break;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  CHECK_THAT(Sandbox::read(job.folder + "/log.txt"), Catch::Contains("going on after step"));
}
