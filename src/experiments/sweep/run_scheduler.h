// SPDX-License-Identifier: MIT
// One invocation of a sweep: which job runs in which slot, and what becomes of it.
#pragma once

#include <memory>

#include "pool.h"
#include "run_attempt.h"
#include <dropmuon/experiments/sweep_run.h>

namespace dropmuon {

// One pass over the jobs of a sweep.
class Scheduler {
 public:
  Scheduler(const Sweep& sweep, const SweepRunOptions& options, const SweepControl& control,
            SweepView& view, std::vector<std::vector<int>> cpus);
  SweepResult run();

 private:
  using Clock = std::chrono::steady_clock;
  using milliseconds = std::chrono::milliseconds;
  struct Waiting {
    std::size_t job = 0;
    Clock::time_point not_before{};
    std::optional<Clock::time_point> busy_since{};  // when another process was first met there
    milliseconds delay{50};                         // until it is looked for again, doubled
  };
  struct Running {
    std::size_t job = 0;
    std::uintmax_t log_begin = 0;
    Clock::time_point begun;
    std::unique_ptr<ChildProcess> process;
  };

  void obey();
  void reap();
  void fill_slots();
  void start(const Waiting& next, std::size_t slot);
  void launch(std::size_t index, std::size_t slot);
  void ended(const Running& running, const ChildEnd& end);
  void failed(JobReport& job, const std::string& reason, Again again);
  void wait_for_other(Waiting next);
  void send_all(int signal);
  void update_times();
  void tick();
  bool idle() const;
  std::size_t index_of(const JobReport& job) const {
    return static_cast<std::size_t>(&job - report_.jobs.data());
  }

  const Sweep& sweep_;
  const SweepRunOptions& options_;
  const SweepControl& control_;
  SweepView& view_;
  std::vector<std::vector<int>> cpus_;  // of each slot; empty without pinning
  SweepReport report_;
  std::vector<Waiting> waiting_;
  std::vector<std::optional<Running>> slots_;
  SweepEnd end_ = SweepEnd::complete;
  Clock::time_point begun_ = Clock::now();
  Clock::time_point last_tick_{};
  double done_seconds_ = 0.0;
  std::size_t done_here_ = 0;
};

}  // namespace dropmuon
