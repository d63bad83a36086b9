// SPDX-License-Identifier: MIT
#include "warn.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "run_files.h"
#include <dropmuon/backend/factory.h>
#include <dropmuon/core/error.h>
#include <dropmuon/core/log.h>
#include <dropmuon/experiments/compare.h>
#include <dropmuon/runner/recorded_data.h>

namespace dropmuon {
namespace {

namespace fs = std::filesystem;

// None for a job that has not begun, or not on CPUs.
std::optional<int> threads_of(const std::string& folder) {
  std::ifstream file(folder + "/" + run_files::kProvenance);
  const auto json = nlohmann::json::parse(file, nullptr, false);
  const auto place = nlohmann::json::json_pointer("/machine/threads");
  if (!json.is_object() || !json.contains(place)) return std::nullopt;
  const nlohmann::json& threads = json.at(place);
  return threads.is_number_integer() ? std::optional(threads.get<int>()) : std::nullopt;
}

// The data set without its images.
Dataset hashes_of(const DatasetOptions& options) {
  Dataset data = load_dataset(options);
  data.train = {};
  data.test = {};
  return data;
}

bool is_open(const SweepJob& job) { return !is_finished(stored_state(job.folder)); }

}  // namespace

void warn_of_too_many_threads(const Sweep& sweep, std::size_t share) {
  const auto exceeds = [&](const SweepJob& job) {
    return job.config.device.threads > static_cast<int>(share);
  };
  const auto job = std::find_if(sweep.jobs.begin(), sweep.jobs.end(), exceeds);
  if (job == sweep.jobs.end()) return;
  log::warning("threads: {} of {} is more than the {} CPU{} of each slot; threads: auto fits",
               job->config.device.threads, job->label, share, share == 1 ? "" : "s");
}

void warn_of_other_threads(const Sweep& sweep, std::size_t share) {
  if (std::none_of(sweep.jobs.begin(), sweep.jobs.end(), is_open)) return;
  for (const SweepJob& job : sweep.jobs) {
    const int fixed = job.config.device.threads;
    const int expected = fixed > 0 ? fixed : automatic_threads(static_cast<int>(share));
    const int found = threads_of(job.folder).value_or(expected);
    if (found == expected) continue;
    log::warning(
        "{} began with {} thread{}, jobs will now have {}; dropmuon compare refuses such a mix, "
        "which the -j of before avoids",
        job.label, found, found == 1 ? "" : "s", expected);
    return;
  }
}

void warn_of_other_data(const Sweep& sweep) {
  using Place = std::pair<std::string, std::string>;  // data set, root
  const auto place_of = [](const SweepJob& job) {
    return Place(job.config.experiment.data.dataset, job.config.experiment.data.root);
  };
  std::set<Place> wanted;  // by jobs that are left
  for (const SweepJob& job : sweep.jobs) {
    if (is_open(job)) wanted.insert(place_of(job));
  }
  std::map<Place, Dataset> hashes;  // each read once, and only if somebody has read it before
  for (const SweepJob& job : sweep.jobs) {
    const Place place = place_of(job);
    if (is_open(job) || !wanted.contains(place)) continue;
    try {
      const auto noted = recorded_data(job.folder);
      if (!noted || noted->sha256.empty()) continue;
      if (!hashes.contains(place)) hashes[place] = hashes_of(job.config.experiment.data);
      const std::vector<std::string> names = other_files(*noted, hashes[place]);
      if (names.empty()) continue;
      log::warning(
          "{} was trained on other {} files than are in {} now ({}): its results do not compare "
          "with "
          "those of the jobs to come",
          job.label, place.first, hashes[place].source, fmt::join(names, ", "));
      wanted.erase(place);
    } catch (const Error&) {
      wanted.erase(place);  // each job will say what is wrong with its data
    }
  }
}

void warn_of_unknown_runs(const Sweep& sweep) {
  std::set<fs::path> jobs;
  for (const SweepJob& job : sweep.jobs) jobs.insert(fs::path(job.folder).lexically_normal());
  std::vector<std::string> unknown_runs;
  try {
    for (const std::string& folder : find_run_folders(sweep.folder)) {
      if (!jobs.contains(fs::path(folder).lexically_normal())) unknown_runs.push_back(folder);
    }
  } catch (const Error&) {
    return;  // compare cannot look into it either
  }
  if (unknown_runs.empty()) return;
  const bool one = unknown_runs.size() == 1;
  log::warning("{} run{} in {} {} of this sweep, such as {}; dropmuon compare {} includes {}",
               unknown_runs.size(), one ? "" : "s", sweep.folder, one ? "is no job" : "are no jobs",
               fs::path(unknown_runs.front()).lexically_relative(sweep.folder).string(),
               sweep.folder, one ? "it" : "them");
}

}  // namespace dropmuon
