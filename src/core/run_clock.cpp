// SPDX-License-Identifier: MIT
// How a pause is told: nobody looked for half a second although a thread does so every 50 ms, the
// processors did nearly nothing for this process, and that thread was not waiting for one of them.
#include <algorithm>
#include <cstdint>
#include <ctime>
#include <fstream>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <dropmuon/core/run_clock.h>

namespace dropmuon {
namespace {

using std::chrono::nanoseconds;

nanoseconds of_clock(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

nanoseconds wall_time() { return std::chrono::steady_clock::now().time_since_epoch(); }

// Never destroyed: the thread lives as long as the process.
class Watcher {
 public:
  static Watcher& instance() {
    static Watcher* watcher = new Watcher;
    return *watcher;
  }

  nanoseconds now() {
    const std::lock_guard lock(mutex_);
    const nanoseconds wall = wall_time();
    // The first to run after a pause may be any thread.
    if (watched_ && detector_.overdue(wall)) detector_.look(times());
    return detector_.read(wall);
  }

  std::vector<nanoseconds> pauses(std::size_t first) {
    const std::lock_guard lock(mutex_);
    const auto& all = detector_.pauses();
    return {all.begin() + static_cast<std::ptrdiff_t>(std::min(first, all.size())), all.end()};
  }

 private:
  Watcher() : detector_(times()) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);  // which the thread inherits
    try {
      std::thread([this] { watch(); }).detach();
    } catch (const std::system_error&) {  // no more threads: pauses are not noticed
      watched_ = false;
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    // A child has no such thread, and goes by the plain clock.
    pthread_atfork([] { instance().mutex_.lock(); }, [] { instance().mutex_.unlock(); },
                   [] {
                     instance().watched_ = false;
                     instance().mutex_.unlock();
                   });
  }

  [[noreturn]] void watch() {
    {
      const std::lock_guard lock(mutex_);
      queue_file_ = fmt::format("/proc/self/task/{}/schedstat", ::gettid());
      detector_.look(times());
    }
    for (;;) {
      std::this_thread::sleep_for(PauseDetector::kPeriod);
      const std::lock_guard lock(mutex_);
      detector_.look(times());
    }
  }

  ProcessTimes times() const {
    ProcessTimes times{.wall = wall_time(), .cpu = of_clock(CLOCK_PROCESS_CPUTIME_ID)};
    // "nanoseconds run, nanoseconds in the queue, times"; some kernels have no such file.
    std::ifstream file(queue_file_);
    std::int64_t run = 0;
    std::int64_t queued = 0;
    if (file >> run >> queued) times.queued = nanoseconds(queued);
    return times;
  }

  std::mutex mutex_;
  std::string queue_file_;
  bool watched_ = true;
  PauseDetector detector_;
};

}  // namespace

void PauseDetector::look(const ProcessTimes& now) {
  const nanoseconds gap = now.wall - last_.wall;
  const bool idle = 20 * (now.cpu - last_.cpu) < gap;
  const bool starved = 2 * (now.queued - last_.queued) > gap;
  if (gap >= kLeastPause && idle && !starved) {
    // It began at the earliest after the last reading, at the latest when the next look was due.
    const nanoseconds begun = std::max(last_.wall + kPeriod, newest_);
    if (now.wall > begun) {
      pauses_.push_back(now.wall - begun);
      total_ += pauses_.back();
    }
  }
  newest_ = std::max(newest_, now.wall);
  last_ = now;
}

nanoseconds PauseDetector::read(nanoseconds wall) {
  newest_ = std::max(newest_, wall);
  return newest_ - total_;
}

RunClock::time_point RunClock::now() { return time_point(Watcher::instance().now()); }

std::vector<RunClock::duration> RunClock::pauses(std::size_t first) {
  return Watcher::instance().pauses(first);
}

}  // namespace dropmuon
