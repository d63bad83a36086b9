// SPDX-License-Identifier: MIT
// The clock of a run: counts training only, and no time in which the process stood still.
#pragma once

#include <chrono>

#include <dropmuon/core/run_clock.h>

namespace dropmuon {

class Stopwatch {
 public:
  void start() { started_ = Clock::now(); }
  void pause() { total_ += Clock::now() - started_; }
  double running_seconds() const {  // while started
    return std::chrono::duration<double>(total_ + (Clock::now() - started_)).count();
  }
  // Goes on from what an earlier process counted; while paused.
  void set_seconds(double seconds) {
    total_ = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  }
  double seconds() const { return std::chrono::duration<double>(total_).count(); }  // while paused

 private:
  using Clock = RunClock;
  Clock::duration total_{};
  Clock::time_point started_{};
};

}  // namespace dropmuon
