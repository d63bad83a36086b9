// SPDX-License-Identifier: MIT
#include "run_scheduler.h"

#include <algorithm>
#include <csignal>
#include <thread>

#include "run_files.h"
#include <dropmuon/core/seconds_since.h>
#include <dropmuon/runner/run_folder.h>

namespace dropmuon {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kPoll(20);  // how soon the end of a job is seen

}  // namespace

Scheduler::Scheduler(const Sweep& sweep, const SweepRunOptions& options,
                     const SweepControl& control, SweepView& view,
                     std::vector<std::vector<int>> cpus)
    : sweep_(sweep),
      options_(options),
      control_(control),
      view_(view),
      cpus_(std::move(cpus)),
      slots_(static_cast<std::size_t>(options.slots)) {
  report_.name = sweep.name;
  report_.folder = sweep.folder;
  report_.slots = options.slots;
  report_.cpus_per_slot = cpus_.empty() ? 0 : static_cast<int>(cpus_.front().size());
  StepPlanner planner;
  for (const SweepJob& job : sweep.jobs) {
    const JobState stored = stored_state(job.folder);
    report_.jobs.push_back({.label = job.label,
                            .folder = job.folder,
                            .state = is_finished(stored) ? stored : JobState::waiting,
                            .total_steps = planner.steps(job.config)});
    update_progress(report_.jobs.back());
    if (!is_finished(stored)) waiting_.push_back({.job = report_.jobs.size() - 1});
  }
}

SweepResult Scheduler::run() {
  view_.on_begin(report_);
  while (true) {
    obey();
    reap();
    if (end_ == SweepEnd::complete) fill_slots();
    if (idle()) break;
    tick();
    std::this_thread::sleep_for(kPoll);
  }
  update_times();
  report_.idle_layers = idle_layers_in_jobs(report_.jobs);
  return {.end = end_, .report = report_};
}

bool Scheduler::idle() const {
  const bool none =
      std::none_of(slots_.begin(), slots_.end(), [](const auto& slot) { return slot.has_value(); });
  return none && (end_ != SweepEnd::complete || waiting_.empty());
}

void Scheduler::obey() {
  const int requests = control_.stop_requests();
  if (requests > 1 && end_ != SweepEnd::killed) {
    end_ = SweepEnd::killed;
    send_all(SIGKILL);
  } else if (requests > 0 && end_ == SweepEnd::complete) {
    end_ = SweepEnd::stopped;
    send_all(SIGTERM);
    view_.on_stopping(report_);
  }
  if (control_.checkpoint_requested()) send_all(SIGUSR1);
}

void Scheduler::send_all(int signal) {
  for (auto& slot : slots_) {
    if (slot) slot->process->send(signal);
  }
}

void Scheduler::reap() {
  for (auto& slot : slots_) {
    const std::optional<ChildEnd> end = slot ? slot->process->poll() : std::nullopt;
    if (!end) continue;
    const Running running = std::move(*slot);
    slot.reset();
    ended(running, *end);
  }
}

void Scheduler::ended(const Running& running, const ChildEnd& end) {
  JobReport& job = report_.jobs[running.job];
  job.slot = -1;
  job.seconds = seconds_since(running.begun);
  update_progress(job);
  // By a signal before it could answer, or by a second one, which somebody else has sent it.
  const bool cut = end.signal == SIGTERM || end.signal == SIGKILL || end.code > kSignalledExit;
  const bool asked_to_stop = end_ != SweepEnd::complete && cut;
  if (end.signal == 0 && end.code == static_cast<int>(ExitCode::ok)) {
    job.state = JobState::done;
    done_seconds_ += job.seconds;
    ++done_here_;
  } else if (end.signal == 0 && end.code == static_cast<int>(ExitCode::diverged)) {
    job.state = JobState::diverged;
  } else if (asked_to_stop ||
             (end.signal == 0 && end.code == static_cast<int>(ExitCode::stopped))) {
    job.state = JobState::stopped;
  } else {
    const std::string said = last_error(job.folder + "/job.log", running.log_begin);
    failed(job, end_text(end, said), after(end));
    return;
  }
  update_times();
  view_.on_job(report_, job);
}

void Scheduler::failed(JobReport& job, const std::string& reason, Again again) {
  job.reason = reason;
  const bool retry = again == Again::if_tries_are_left && job.attempts <= options_.retries &&
                     end_ == SweepEnd::complete;
  job.state = retry ? JobState::waiting : JobState::failed;
  if (retry)
    waiting_.push_back({.job = index_of(job), .not_before = Clock::now() + options_.retry_delay});
  update_times();
  view_.on_job(report_, job);
}

void Scheduler::fill_slots() {
  for (std::size_t slot = 0; slot < slots_.size(); ++slot) {
    for (std::size_t i = 0; i < waiting_.size() && !slots_[slot];) {
      if (Clock::now() < waiting_[i].not_before) {
        ++i;
        continue;
      }
      const Waiting next = waiting_[i];
      waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
      start(next, slot);
    }
  }
}

void Scheduler::start(const Waiting& next, std::size_t slot) {
  JobReport& job = report_.jobs[next.job];
  if (RunFolder::is_locked(job.folder)) {
    wait_for_other(next);
    return;
  }
  JobState stored = JobState::waiting;
  try {
    stored = stored_state(job.folder);
  } catch (const Error& error) {  // its folder has gone
    failed(job, error.what(), Again::no);
    return;
  }
  if (!is_finished(stored)) {
    launch(next.job, slot);
    return;
  }
  job.state = stored;  // by another process in the meantime
  update_progress(job);
  view_.on_job(report_, job);
}

// A process of an earlier invocation saves its state when that one is killed, and then ends.
void Scheduler::wait_for_other(Waiting next) {
  constexpr milliseconds kLongestDelay(2000);
  JobReport& job = report_.jobs[next.job];
  const Clock::time_point now = Clock::now();
  if (!next.busy_since) {
    next.busy_since = now;
    job.reason = "waits for another process in its folder";
    view_.on_job(report_, job);
  }
  if (now - *next.busy_since > options_.lock_wait) {
    job.state = JobState::left;
    job.reason = "another process is at work in " + job.folder;
    update_times();
    view_.on_job(report_, job);
    return;
  }
  next.delay = std::min(2 * next.delay, kLongestDelay);
  next.not_before = now + next.delay;
  waiting_.push_back(next);
}

void Scheduler::launch(std::size_t index, std::size_t slot) {
  JobReport& job = report_.jobs[index];
  ChildCommand command{.program = options_.program,
                       .arguments = {"train", "--resume", job.folder, "--quiet"},
                       .log = job.folder + "/job.log"};
  if (!cpus_.empty()) command.cpus = cpus_[slot];
  if (!options_.boards.empty() && takes_any_board(sweep_.jobs[index].config)) {
    command.setting = options_.boards[slot % options_.boards.size()];
  }
  ++job.attempts;
  job.seconds = 0.0;
  try {
    const std::uintmax_t begin = note_start(command);
    slots_[slot] = Running{.job = index,
                           .log_begin = begin,
                           .begun = Clock::now(),
                           .process = std::make_unique<ChildProcess>(command)};
  } catch (const Error& error) {
    failed(job, error.what(), Again::if_tries_are_left);
    return;
  }
  job.state = JobState::running;
  job.slot = static_cast<int>(slot);
  job.reason.clear();
  update_times();
  view_.on_job(report_, job);
}

void Scheduler::update_times() {
  report_.elapsed = seconds_since(begun_);
  const double mean = done_here_ == 0 ? 0.0 : done_seconds_ / static_cast<double>(done_here_);
  double left = mean * static_cast<double>(waiting_.size());
  std::size_t open = waiting_.size();
  for (const auto& slot : slots_) {
    if (!slot) continue;
    JobReport& job = report_.jobs[slot->job];
    job.seconds = seconds_since(slot->begun);
    left += std::max(mean - job.seconds, 0.0);
    ++open;
  }
  report_.left.reset();
  if (done_here_ > 0 && open > 0) {
    report_.left = left / static_cast<double>(std::min(open, slots_.size()));
  }
}

void Scheduler::tick() {
  const Clock::time_point now = Clock::now();
  if (options_.tick.count() == 0 || now - last_tick_ < options_.tick) return;
  last_tick_ = now;
  for (const auto& slot : slots_) {
    if (slot) update_progress(report_.jobs[slot->job]);
  }
  update_times();
  view_.on_tick(report_);
}

}  // namespace dropmuon
