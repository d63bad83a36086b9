// SPDX-License-Identifier: MIT
// A sweep as a person sees it: a table that is redrawn in place on a terminal, a line for every
// event elsewhere.
#pragma once

#include <string>
#include <vector>

#include "progress.h"
#include <dropmuon/experiments/sweep_run.h>

namespace dropmuon {

enum class Colour { no, yes };

struct TableStyle {
  std::size_t width = 80;   // no line is longer; the last column stays free
  std::size_t height = 24;  // nor are there more lines
  Colour colour = Colour::no;
};

// The totals, and a line for each running job.
std::vector<std::string> table_lines(const SweepReport& report, const TableStyle& style);

// "[ 4/24] done      muon-seed=1  3:05 min  test accuracy 0.9712"
std::string event_line(const SweepReport& report, const JobReport& job);

class SweepTable final : public SweepView {
 public:
  explicit SweepTable(Verbosity verbosity);
  ~SweepTable() override { clear(); }
  SweepTable(const SweepTable&) = delete;
  SweepTable& operator=(const SweepTable&) = delete;

  std::chrono::milliseconds tick() const;  // how often on_tick has something to do
  void on_begin(const SweepReport& report) override;
  void on_job(const SweepReport& report, const JobReport& job) override;
  void on_stopping(const SweepReport& report) override;
  void on_tick(const SweepReport& report) override;

 private:
  std::string erasure() const;
  void clear();
  void put(const std::string& text);

  bool terminal_;
  Colour colour_;
  std::size_t drawn_ = 0;  // lines of the table that are on the screen
};

}  // namespace dropmuon
