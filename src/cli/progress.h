// SPDX-License-Identifier: MIT
// A training run as a person sees it: one moving line on a terminal, plain lines elsewhere.
#pragma once

#include <chrono>
#include <string>

#include <dropmuon/core/run_clock.h>
#include <dropmuon/runner/train_run.h>

namespace dropmuon {

enum class Verbosity { normal, quiet };

class Progress final : public RunView {
 public:
  explicit Progress(Verbosity verbosity) : verbosity_(verbosity) {}
  void on_begin(const RunHeader& header) override;
  void on_step(std::int64_t steps_done) override;
  void on_metrics(const MetricsRow& row) override;
  void on_pause(double seconds) override;
  void on_end(const TrainResult& result) override;

 private:
  using Clock = RunClock;
  void draw(std::int64_t steps_done);
  void clear();

  void put(const std::string& text);

  Verbosity verbosity_;
  RunHeader header_;
  bool terminal_ = false;
  bool drawn_ = false;
  double images_per_second_ = 0.0;
  double running_loss_ = 0.0;
  Clock::time_point begun_;
  Clock::time_point last_draw_;
};

}  // namespace dropmuon
