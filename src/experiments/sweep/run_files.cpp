// SPDX-License-Identifier: MIT
#include "run_files.h"

#include <algorithm>
#include <fstream>

#include <nlohmann/json.hpp>

#include <dropmuon/core/error.h>
#include <dropmuon/runner/idle_layers.h>
#include <dropmuon/runner/run_folder.h>
#include <dropmuon/training/metrics.h>

namespace dropmuon {
namespace {

// The end of a file, from a position or so many bytes before its end, whichever is later.
std::string tail(const std::string& path, std::uintmax_t begin, std::uintmax_t limit) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const std::streamoff size = file.tellg();
  if (size <= 0) return "";
  const auto first = std::max({static_cast<std::streamoff>(begin),
                               size - static_cast<std::streamoff>(limit), std::streamoff{0}});
  file.seekg(first);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The lines of `text` that have an end, the last one first, until `visit` says false.
template <typename Visit>
void for_lines_from_end(const std::string& text, const Visit& visit) {
  std::size_t end = text.rfind('\n');
  while (end != std::string::npos && end > 0) {
    const std::size_t before = text.rfind('\n', end - 1);
    const std::size_t begin = before == std::string::npos ? 0 : before + 1;
    if (!visit(text.substr(begin, end - begin))) return;
    end = before;
  }
}

std::optional<double> number(const nlohmann::json& row, Metric metric) {
  const auto found = row.find(name_of(metric));
  if (found == row.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

}  // namespace

JobState stored_state(const std::string& folder) {
  const std::optional<RunStatus> status = RunFolder::open(folder).status();
  if (status == RunStatus::done) return JobState::done;
  return status == RunStatus::diverged ? JobState::diverged : JobState::waiting;
}

void update_progress(JobReport& job) {
  constexpr std::uintmax_t kTail = 16384;  // some 40 rows
  bool newest = true;
  std::optional<double> speed;
  for_lines_from_end(
      tail(job.folder + "/" + run_files::kMetrics, 0, kTail), [&](const std::string& line) {
        const auto row = nlohmann::json::parse(line, nullptr, false);
        if (!row.is_object()) return true;  // the first line of the piece is not whole
        if (newest) {
          job.step = static_cast<std::int64_t>(number(row, Metric::step).value_or(0.0));
          job.epoch = number(row, Metric::epoch).value_or(0.0);
          newest = false;
        }
        if (!speed) speed = number(row, Metric::images_per_second);
        const auto accuracy = number(row, Metric::test_accuracy);
        if (accuracy) job.test_accuracy = accuracy;
        return !accuracy;
      });
  if (speed) job.images_per_second = speed;
}

std::string idle_layers_in_jobs(const std::vector<JobReport>& jobs) {
  std::vector<std::pair<std::string, std::string>> idle;
  for (const JobReport& job : jobs) {
    if (!is_finished(job.state)) continue;
    std::ifstream file(job.folder + "/" + run_files::kSummary, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    idle.emplace_back(job.label, idle_layers_in(text).value_or(""));  // compare says what is wrong
  }
  return idle_layers_of(idle);
}

std::int64_t StepPlanner::steps(const RunConfig& config) {
  return training_steps(config.experiment.train, train_count(config.experiment.data));
}

int StepPlanner::train_count(const DatasetOptions& data) {
  const auto key = std::tuple(data.dataset, data.root, data.train_limit);
  const auto [entry, is_new] = counts_.try_emplace(key, 0);
  if (!is_new) return entry->second;
  try {
    entry->second = dataset_info(data).train_count;
  } catch (const Error&) {  // each job will say what is wrong with its data
    entry->second = dataset_info(data.dataset).train_count;
  }
  return entry->second;
}

std::string last_error(const std::string& log, std::uintmax_t begin) {
  constexpr std::uintmax_t kTail = 4096;
  constexpr std::size_t kLongest = 300;
  const std::string name = "dropmuon: ";
  std::string result;
  for_lines_from_end(fmt::format("\n{}\n", tail(log, begin, kTail)), [&](const std::string& line) {
    const bool error = line.starts_with(name);
    const bool blank = line.find_first_not_of(" \t\r") == std::string::npos;
    if (error || (result.empty() && !blank)) result = line;
    return !error;
  });
  if (result.starts_with(name)) result.erase(0, name.size());
  if (result.size() > kLongest) result = result.substr(0, kLongest) + "...";
  return result;
}

}  // namespace dropmuon
