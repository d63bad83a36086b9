// SPDX-License-Identifier: MIT
// What a running sweep reads from the folders of its jobs.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include <dropmuon/experiments/sweep_run.h>

namespace dropmuon {

// done or diverged, as STATUS of a job's folder says, or waiting for all else: also for `running`,
// which a process that was killed leaves behind.
JobState stored_state(const std::string& folder);

// Step, epoch, accuracy and speed, from the last lines of metrics.jsonl; what they do not tell
// stays as it is.
void update_progress(JobReport& job);

// Layers that took no part, of the finished ones, in a line; "" if all did.
std::string idle_layers_in_jobs(const std::vector<JobReport>& jobs);

// How many steps a job will take, by the headers of its data files, which jobs share.
class StepPlanner {
 public:
  std::int64_t steps(const RunConfig& config);

 private:
  int train_count(const DatasetOptions& data);
  std::map<std::tuple<std::string, std::string, int>, int> counts_;  // per set, root and limit
};

// What the program gave as the reason of its end, of what was added to a log after its first
// `begin` bytes: the last line "dropmuon: ...", else the last one with text in it; "" without any.
std::string last_error(const std::string& log, std::uintmax_t begin);

}  // namespace dropmuon
