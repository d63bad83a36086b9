// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>

#include "sweep_run_scheduler.h"
#include <dropmuon/core/file_system.h>
#include <dropmuon/core/log.h>
#include <dropmuon/runner/run_folder.h>
#include <dropmuon/runner/sweep_run.h>

namespace dropmuon {
namespace {

// What asks for more threads than its slot has would be slow, and slow in another way than its
// neighbours.
void warn_of_threads(const Sweep& sweep, std::size_t share) {
  const auto greedy = [&](const SweepJob& job) {
    return job.config.device.threads > static_cast<int>(share);
  };
  const auto job = std::find_if(sweep.jobs.begin(), sweep.jobs.end(), greedy);
  if (job == sweep.jobs.end()) return;
  log::warning("threads: {} of {} is more than the {} CPU{} of each slot; threads: auto fits",
               job->config.device.threads, job->label, share, share == 1 ? "" : "s");
}

}  // namespace

const std::string& name_of(JobState state) {
  static const std::array<std::string, 6> kNames = {"waiting",  "running", "done",
                                                    "diverged", "stopped", "failed"};
  return kNames[static_cast<std::size_t>(state)];
}

std::size_t SweepReport::count(JobState state) const {
  return static_cast<std::size_t>(std::count_if(
      jobs.begin(), jobs.end(), [&](const JobReport& job) { return job.state == state; }));
}

std::size_t SweepReport::finished() const {
  return count(JobState::done) + count(JobState::diverged);
}

SweepResult run_sweep(const Sweep& sweep, const SweepRunOptions& options,
                      const SweepControl& control, SweepView& view) {
  std::vector<std::vector<int>> cpus;
  if (options.slots > 1) {
    cpus = split_cpus(usable_cpus(), options.slots);
    warn_of_threads(sweep, cpus.front().size());
  }
  FileSystem::real().create_folders(sweep.folder);
  const FolderLock lock(sweep.folder);
  prepare_jobs(sweep);
  return Scheduler(sweep, options, control, view, std::move(cpus)).run();
}

}  // namespace dropmuon
