// SPDX-License-Identifier: MIT
// What a sweep will cost, before any of it is run.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>
#include <string>

#include <fmt/format.h>

#include "run_files.h"
#include <dropmuon/core/error.h>
#include <dropmuon/core/text.h>
#include <dropmuon/experiments/sweep.h>
#include <dropmuon/runner/plan.h>
#include <dropmuon/runner/run_folder.h>
#include <dropmuon/training/checkpoint_store.h>

namespace dropmuon {
namespace {

struct JobCost {
  std::int64_t steps = 0;
  double flops = 0.0;
  double seconds = 0.0;  // not a number: the device is not here
};

struct Rate {
  double flops = 0.0;  // per second, measured; 0: unknown
  std::string device;
};

// Plans and peaks, each made once for all jobs that share it.
class Estimator {
 public:
  JobCost cost(const SweepJob& job) {
    const Rate& rate = rate_of(job.config.device);
    JobCost cost = plan(job);
    cost.seconds = rate.flops > 0.0 ? cost.flops / rate.flops : std::nan("");
    return cost;
  }

  std::string basis() const {
    std::string text;
    for (const auto& [key, rate] : rates_) {
      text += rate.flops > 0.0 ? fmt::format("peak {}FLOP/s, measured now on {}\n",
                                             human_count(rate.flops), rate.device)
                               : fmt::format("times unknown: {}\n", rate.device);
    }
    for (const std::string& assumption : assumptions_) text += assumption + "\n";
    return text;
  }

 private:
  static std::string key_of(const DeviceRequest& device) {
    return fmt::format("{} {} {}", device.device, static_cast<int>(device.precision),
                       device.threads);
  }

  const Rate& rate_of(const DeviceRequest& device) {
    const auto [entry, is_new] = rates_.try_emplace(key_of(device));
    if (!is_new) return entry->second;
    try {
      const std::unique_ptr<Backend> backend = make_backend(device);
      entry->second = {backend->measure_peak_flops(), describe(backend->info())};
    } catch (const Error& error) {
      if (error.code() != ExitCode::no_device) throw;
      entry->second.device = error.what();  // a sweep may be planned where it will not run
    }
    return entry->second;
  }

  // Neither name, seed, rate nor device change how much there is to do.
  JobCost plan(const SweepJob& job) {
    RunConfig config = job.config;
    config.name = "plan";
    config.experiment.seed = 0;
    config.experiment.optimizer.lr = 1e-3;
    config.device = {.device = "cpu"};
    const auto [entry, is_new] = plans_.try_emplace(to_yaml(config));
    if (!is_new) return entry->second;
    try {
      const Plan planned = make_plan(config);
      entry->second = {.steps = planned.total_steps, .flops = planned.total_flops};
      if (planned.data.source == InfoSource::assumed) assumptions_.insert(to_text(planned.data));
    } catch (const Error& error) {
      throw Error(error.code(), fmt::format("job '{}': {}", job.label, error.what()));
    }
    return entry->second;
  }

  std::map<std::string, Rate> rates_;
  std::map<std::string, JobCost> plans_;
  std::set<std::string> assumptions_;  // about data that are not here
};

// The word in STATUS, or what is true if that cannot be: "running" outlives a process that is
// killed.
std::string status_of(const SweepJob& job) {
  std::error_code ignored;
  if (!std::filesystem::exists(job.folder + "/" + run_files::kConfig, ignored)) return "new";
  if (RunFolder::is_locked(job.folder)) return name_of(RunStatus::running);
  const RunFolder folder = RunFolder::open(job.folder);
  return folder.status() == RunStatus::running ? name_of(RunStatus::stopped) : folder.status_word();
}

// Steps that are not in the newest checkpoint; none for a job that is finished.
std::int64_t steps_left(const SweepJob& job, const std::string& status, std::int64_t steps) {
  const std::optional<RunStatus> known = run_status_of(status);
  if (known && is_final(*known)) return 0;
  if (status == "new") return steps;
  const auto saved = CheckpointStore(job.folder + "/" + run_files::kCheckpoints, 1).steps();
  return saved.empty() ? steps : std::max<std::int64_t>(steps - saved.back(), 0);
}

std::string time_text(double seconds) { return std::isnan(seconds) ? "?" : human_seconds(seconds); }

}  // namespace

std::string dry_run_text(const Sweep& sweep) {
  check_prepared(sweep);
  Estimator estimator;
  JobCost left;
  std::size_t unfinished = 0;
  std::string rows;
  for (const SweepJob& job : sweep.jobs) {
    const JobCost cost = estimator.cost(job);
    const std::string status = status_of(job);
    const std::int64_t steps = steps_left(job, status, cost.steps);
    const double share = static_cast<double>(steps) / static_cast<double>(cost.steps);
    if (steps > 0) {
      ++unfinished;
      left.steps += steps;
      left.flops += share * cost.flops;
      left.seconds += share * cost.seconds;
    }
    rows += fmt::format("{:<8}  {:>9}  {:>9}  {:>9}  {:>10}  {}\n", status, cost.steps, steps,
                        human_count(cost.flops), time_text(cost.seconds), job.label);
  }
  const std::string sum = unfinished == 0
                              ? "left: nothing"
                              : fmt::format(
                                    "left: {} of {} jobs, {} steps, {}FLOP, at least {} one after "
                                    "another",
                                    unfinished, sweep.jobs.size(), left.steps,
                                    human_count(left.flops), time_text(left.seconds));
  return fmt::format(
      "sweep {}: {} jobs in {}\n"
      "{:<8}  {:>9}  {:>9}  {:>9}  {:>10}  job\n{}{}\n"
      "{}evaluation, loading and saving come on top\n",
      sweep.name, sweep.jobs.size(), sweep.folder, "status", "steps", "left", "FLOP", "at least",
      rows, sum, estimator.basis());
}

}  // namespace dropmuon
