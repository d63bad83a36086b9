// SPDX-License-Identifier: MIT
// The clock that runs are timed by: steady, and standing still while the whole process does.
#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

namespace dropmuon {

// What tells a process that stood still from one that waits or is starved, since any fixed moment.
struct ProcessTimes {
  std::chrono::nanoseconds wall{};    // steady clock
  std::chrono::nanoseconds cpu{};     // processor time of all threads
  std::chrono::nanoseconds queued{};  // the watching thread, ready to run and not run
};

// Finds the pauses in readings that come every kPeriod or so. Not for several threads at once.
class PauseDetector {
 public:
  static constexpr std::chrono::milliseconds kPeriod{50};
  static constexpr std::chrono::milliseconds kLeastPause{500};  // no delay of a scheduler

  explicit PauseDetector(const ProcessTimes& begin) : last_(begin), newest_(begin.wall) {}

  // Whether so long nobody has looked that look() must, before read() is believed.
  bool overdue(std::chrono::nanoseconds wall) const { return wall - last_.wall >= kLeastPause; }
  void look(const ProcessTimes& now);
  // `wall` less the pauses; never goes back.
  std::chrono::nanoseconds read(std::chrono::nanoseconds wall);
  const std::vector<std::chrono::nanoseconds>& pauses() const { return pauses_; }

 private:
  ProcessTimes last_;
  std::chrono::nanoseconds newest_;  // the latest wall time that was read
  std::chrono::nanoseconds total_{};
  std::vector<std::chrono::nanoseconds> pauses_;
};

// A Clock as of <chrono>. What stops all threads (SIGSTOP, Ctrl-Z, a frozen container, a debugger)
// for half a second or more is left out; waiting for a device or for a processor that others use is
// not. Its first use starts a thread that looks twenty times a second and answers no signals.
class RunClock {
 public:
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<RunClock>;
  static constexpr bool is_steady = true;

  static time_point now();
  // Those found since the first use, in order, from number `first` on.
  static std::vector<duration> pauses(std::size_t first = 0);
};

}  // namespace dropmuon
