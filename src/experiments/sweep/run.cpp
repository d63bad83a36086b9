// SPDX-License-Identifier: MIT
#include <algorithm>

#include "run_scheduler.h"
#include "warn.h"
#include <dropmuon/core/file_system.h>
#include <dropmuon/experiments/sweep_run.h>
#include <dropmuon/runner/run_folder.h>

namespace dropmuon {

const std::string& name_of(JobState state) {
  static const std::string kLeft = "left";
  switch (state) {
    case JobState::waiting:
      return name_of(RunStatus::waiting);
    case JobState::running:
      return name_of(RunStatus::running);
    case JobState::done:
      return name_of(RunStatus::done);
    case JobState::diverged:
      return name_of(RunStatus::diverged);
    case JobState::stopped:
      return name_of(RunStatus::stopped);
    case JobState::failed:
      return name_of(RunStatus::failed);
    case JobState::left:
      break;
  }
  return kLeft;
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
  const std::vector<int> usable = usable_cpus();
  std::size_t share = usable.size();
  std::vector<std::vector<int>> cpus;
  if (options.slots > 1) {
    cpus = split_cpus(usable, options.slots);
    share = cpus.front().size();
    warn_of_too_many_threads(sweep, share);
  }
  FileSystem::real().create_folders(sweep.folder);
  const FolderLock lock(sweep.folder);
  prepare_jobs(sweep);
  warn_of_other_threads(sweep, share);
  warn_of_other_data(sweep);
  return Scheduler(sweep, options, control, view, std::move(cpus)).run();
}

}  // namespace dropmuon
