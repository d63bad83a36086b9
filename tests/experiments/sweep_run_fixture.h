// SPDX-License-Identifier: MIT
// A sweep whose jobs are shell scripts.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <sys/stat.h>

#include "sweep_fixture.h"
#include <dropmuon/experiments/sweep_run.h>
#include <dropmuon/runner/run_folder.h>

namespace dropmuon {

inline const std::string kTwo = "name: s\nbase: base.yaml\nseeds: 2\n";
inline const std::string kThree = "name: s\nbase: base.yaml\nseeds: 3\n";

// Remembers "label state" of every event; calls `on_event` after each.
class Watcher final : public SweepView {
 public:
  void on_begin(const SweepReport&) override { events.push_back("begin"); }
  void on_job(const SweepReport& report, const JobReport& job) override {
    events.push_back(job.label + " " + name_of(job.state));
    if (on_event) on_event(report, job);
  }
  void on_stopping(const SweepReport&) override { events.push_back("stopping"); }
  void on_tick(const SweepReport& report) override {
    if (on_refresh) on_refresh(report);
  }
  std::vector<std::string> events;
  std::function<void(const SweepReport&, const JobReport&)> on_event;
  std::function<void(const SweepReport&)> on_refresh;
};

// A sweep whose jobs are scripts: $3 is the job's folder.
class Scripted {
 public:
  explicit Scripted(const std::string& text, const std::string& script) : sweep(folder.load(text)) {
    options.retry_delay = std::chrono::milliseconds(5);
    options.program = folder.write("job.sh", "#!/bin/sh\ncd \"$3\" || exit 66\n" + script);
    chmod(options.program.c_str(), 0755);
  }
  const JobReport& run() {
    SweepControl control{.stop_requests = [this] { return stops; },
                         .checkpoint_requested =
                             [this] {
                               const bool wanted = checkpoint;
                               checkpoint = false;
                               return wanted;
                             }};
    result = run_sweep(sweep, options, control, watcher);
    return result.report.jobs.front();
  }
  std::string of(std::size_t job, const std::string& file) const {
    return folder.read("runs/s/" + sweep.jobs[job].label + "/" + file);
  }
  // How often the script was started for a job, if it begins with kCount.
  std::size_t starts(std::size_t job) const { return of(job, "starts").size(); }
  void set_status(std::size_t job, const std::string& status) const {
    RunFolder::open(sweep.jobs[job].folder).write(run_files::kStatus, status + "\n");
  }

  SweepFolder folder;
  Sweep sweep;
  SweepRunOptions options;
  Watcher watcher;
  SweepResult result;
  int stops = 0;
  bool checkpoint = false;
};

inline const std::string kCount = "printf . >> starts\n";
inline const std::string kDone = kCount + "echo done > STATUS\n";

inline ExitCode refusal(Scripted& s) {
  try {
    s.run();
  } catch (const Error& error) {
    return error.code();
  }
  return ExitCode::ok;
}

}  // namespace dropmuon
