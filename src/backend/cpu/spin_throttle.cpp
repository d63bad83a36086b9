// SPDX-License-Identifier: MIT
#include "spin_throttle.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <string>
#include <system_error>

#include <dirent.h>
#include <omp.h>

#include "startable_threads.h"
#include "thread_team.h"

namespace dropmuon::cpu {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr auto kLookEvery = std::chrono::milliseconds(100);
// Processors' worth of waiting for a processor. Alone, two threads come to 0.06 spinning and 0.02
// sleeping; beside one busy process to 0.7 and 0.5 (two cores of a Xeon, Linux 6.18).
constexpr double kCrowded = 0.2;
constexpr double kAlone = 0.1;
constexpr int kAloneLooks = 10;  // before it is believed

// Seconds that threads of this process have waited for a processor though they could have run, the
// second number of schedstat; none where the kernel does not tell.
std::optional<double> seconds_kept_waiting() {
  DIR* tasks = opendir("/proc/self/task");
  if (tasks == nullptr) return std::nullopt;
  double nanoseconds = 0.0;
  bool told = false;
  while (const dirent* task = readdir(tasks)) {
    std::ifstream file(std::string("/proc/self/task/") + task->d_name + "/schedstat");
    double ran = 0.0;
    double waited = 0.0;
    if (!(file >> ran >> waited)) continue;
    told = told || ran > 0.0;
    nanoseconds += waited;
  }
  closedir(tasks);
  return told ? std::optional(1e-9 * nanoseconds) : std::nullopt;
}

void run_a_team(int size) {
  omp_set_dynamic(0);
  if (omp_get_max_active_levels() < 1) omp_set_max_active_levels(1);
  int count = 0;  // the compiler drops a region that does nothing
#pragma omp parallel num_threads(size) reduction(+ : count)
  count += 1;
}

// One thread more than there are processors, counting all but the first of the second team.
int size_beside(const SpinThrottle::Team& team) {
  return std::max(team.processors - team.threads, 0) + 2;
}

}  // namespace

bool SpinThrottle::can_act(const Team& team) {
  return team.threads > 1 && !waiting_is_set() && size_beside(team) <= kMostSleepers;
}

SpinThrottle::SpinThrottle(int threads) {
  const Team team{.threads = threads, .processors = omp_get_num_procs()};
  if (!can_act(team)) return;
  second_team_size_ = size_beside(team);
  try {
    watcher_ = std::thread([this] { watch(); });
  } catch (const std::system_error&) {  // no more threads: it costs time only
  }
}

SpinThrottle::~SpinThrottle() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
  if (watcher_.joinable()) watcher_.join();
}

void SpinThrottle::watch() {
  std::optional<double> before = seconds_kept_waiting();
  if (!before) throttle();  // who cannot see neighbours had better expect them
  Clock::time_point looked = Clock::now();
  int looks_alone = 0;
  for (;;) {
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, kLookEvery, [this] { return ended_; })) break;
    lock.unlock();
    const std::optional<double> now = seconds_kept_waiting();
    const Clock::time_point time = Clock::now();
    if (!before || !now) continue;
    const double share = (*now - *before) / Seconds(time - looked).count();
    before = now;
    looked = time;
    looks_alone = share < kAlone ? looks_alone + 1 : 0;
    if (share > kCrowded) throttle();
    if (looks_alone >= kAloneLooks) release();
  }
  release();
}

void SpinThrottle::throttle() {
  if (second_team_.joinable() ||
      startable_threads(second_team_size_ + 1).count <= second_team_size_)
    return;
  released_ = false;
  try {
    second_team_ = std::thread([this] {
      run_a_team(second_team_size_);
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return released_; });
    });
  } catch (const std::system_error&) {  // perhaps next time
  }
}

void SpinThrottle::release() {
  if (!second_team_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    released_ = true;
  }
  changed_.notify_all();
  second_team_.join();
}

}  // namespace dropmuon::cpu
