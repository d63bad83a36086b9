// SPDX-License-Identifier: MIT
// How threads wait for each other while somebody else wants their processors.
//
// GCC's OpenMP runtime lets a waiting thread look 300,000 times, some milliseconds, before it
// sleeps. Alone, that is right: it bridges the short serial parts between two loops. Beside a busy
// process it is wrong: the thread that is waited for may be kept from its processor by the one that
// looks. The runtime itself looks 100 times only while it has more threads than there are
// processors (manual of libgomp, GOMP_SPINCOUNT), and it asks that at every wait. So while threads
// of this process wait for a processor, a team that sleeps is kept beside the one that computes.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace dropmuon::cpu {

class SpinThrottle {
 public:
  // For a team of so many threads, already started. Watches from a thread of its own. Does nothing
  // where the environment says how to wait, for one thread, or where more processors than this
  // would need a sleeper each.
  static constexpr int kMostSleepers = 128;
  struct Team {
    int threads = 1;
    int processors = 1;  // that the OpenMP runtime may use
  };
  static bool can_act(const Team& team);
  explicit SpinThrottle(int threads);
  ~SpinThrottle();
  SpinThrottle(const SpinThrottle&) = delete;
  SpinThrottle& operator=(const SpinThrottle&) = delete;

 private:
  void watch();
  void throttle();
  void release();

  int second_team_size_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;     // nobody waits any more
  bool released_ = false;  // the second team is to go
  std::thread watcher_;
  std::thread second_team_;  // its first thread, asleep; its end is the team's
};

}  // namespace dropmuon::cpu
