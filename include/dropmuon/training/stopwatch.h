// SPDX-License-Identifier: MIT
// The clock of a run: counts training only.
#pragma once

#include <chrono>

namespace dropmuon {

class Stopwatch {
 public:
  void start() { started_ = Clock::now(); }
  void pause() { total_ += Clock::now() - started_; }
  double seconds() const { return std::chrono::duration<double>(total_).count(); }  // while paused

 private:
  using Clock = std::chrono::steady_clock;
  Clock::duration total_{};
  Clock::time_point started_{};
};

}  // namespace dropmuon
