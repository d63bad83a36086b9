// SPDX-License-Identifier: MIT
// The jobs of a sweep, run as processes of their own: several at a time, again after a failure,
// and by any number of invocations until each is finished.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <dropmuon/core/error.h>
#include <dropmuon/experiments/sweep.h>

namespace dropmuon {

// done and diverged are for good; the others are waiting jobs for the next invocation. left:
// another process was at work in its folder for too long to wait.
enum class JobState { waiting, running, done, diverged, stopped, failed, left };
const std::string& name_of(JobState state);
inline bool is_finished(JobState state) {
  return state == JobState::done || state == JobState::diverged;
}

struct JobReport {
  std::string label;
  std::string folder;
  JobState state = JobState::waiting;
  int slot = -1;                 // while it runs
  int attempts = 0;              // of this invocation
  std::string reason;            // of the last failure, or why it has to wait; one line
  std::int64_t step = 0;         // as its metrics say
  std::int64_t total_steps = 0;  // planned
  double epoch = 0.0;
  std::optional<double> test_accuracy;
  std::optional<double> images_per_second;
  double seconds = 0.0;  // of its last attempt, so far
};

struct SweepReport {
  std::string name;
  std::string folder;
  std::vector<JobReport> jobs;
  int slots = 1;
  int cpus_per_slot = 0;  // 0: not pinned
  double elapsed = 0.0;
  std::optional<double> left;  // seconds, from the jobs that this invocation has done
  // At the end: layers that took no part in finished jobs, in a line; "" if all did.
  std::string idle_layers;

  std::size_t count(JobState state) const;
  std::size_t finished() const;
};

// Shows a sweep to a person; every call has the state of all jobs.
class SweepView {
 public:
  virtual ~SweepView() = default;
  virtual void on_begin(const SweepReport& report) = 0;
  // A job has started or ended, or (state waiting) will be tried again.
  virtual void on_job(const SweepReport& report, const JobReport& job) = 0;
  virtual void on_stopping(const SweepReport& report) = 0;  // running jobs were asked to stop
  virtual void on_tick(const SweepReport& report) = 0;
};

// Wishes from outside, asked many times a second.
struct SweepControl {
  // How many signals have asked for a stop: after the first, running jobs save their state and
  // stop; after a second they are killed.
  std::function<int()> stop_requests;
  std::function<bool()> checkpoint_requested;  // true once per request; passed on to running jobs
};

struct SweepRunOptions {
  int slots = 1;    // jobs at a time; with more than one each is pinned to its share of the CPUs
  int retries = 1;  // of a job whose failure may pass: signals, out of memory, cannot write
  std::chrono::milliseconds retry_delay{500};  // what failed in passing needs a moment to pass
  std::chrono::milliseconds tick{0};           // between calls of on_tick; 0: none
  std::chrono::milliseconds lock_wait{60000};  // for another process that works in a job's folder
  std::string program = "/proc/self/exe";      // this very build, even if its file is replaced
  // "NAME=VALUE" for each board; the jobs of slot i see the settings of board i modulo their
  // number, unless their configuration names a device.
  std::vector<std::string> boards;
};

enum class SweepEnd { complete, stopped, killed };  // complete: nothing was left to start

struct SweepResult {
  SweepEnd end = SweepEnd::complete;
  SweepReport report;
};

// Prepares the folders and runs every job that is neither done nor diverged. Throws Error(usage)
// for more slots than CPUs, Error(cannot_write) while another process runs this sweep, and what
// prepare_jobs throws; a job that fails is in the report.
SweepResult run_sweep(const Sweep& sweep, const SweepRunOptions& options,
                      const SweepControl& control, SweepView& view);

}  // namespace dropmuon
