// SPDX-License-Identifier: MIT
// What a run gives its trainer: the files that take the reports, the wishes from outside, the
// checkpoints.
#pragma once

#include <cstddef>
#include <optional>

#include <dropmuon/core/run_clock.h>
#include <dropmuon/runner/run_folder.h>
#include <dropmuon/runner/train_run.h>
#include <dropmuon/training/event_file.h>

namespace dropmuon {

// Passes what the trainer reports to the files of a run and to the person watching.
class RunObserver final : public TrainObserver {
 public:
  RunObserver(const RunFolder& folder, MetricsWriter writer, std::optional<EventFile> events,
              RunView& view);
  void on_step(std::int64_t steps_done) override;
  void on_metrics(const MetricsRow& row) override;
  void on_rollback(std::int64_t step) override;

  void sync();
  // Those since this observer was made that have not been told yet.
  void tell_pauses();

 private:
  const RunFolder& folder_;
  MetricsWriter writer_;
  std::optional<EventFile> events_;
  RunView& view_;
  std::size_t pauses_ = RunClock::pauses().size();
};

class RunSignals final : public TrainSignals {
 public:
  explicit RunSignals(const RunControl& control) : control_(control) {}
  bool stop_requested() override { return control_.stop_requested(); }
  bool checkpoint_requested() override { return control_.checkpoint_requested(); }

 private:
  const RunControl& control_;
};

class RunKeeper final : public CheckpointKeeper {
 public:
  // `observer`: whose rows are on the disk before a checkpoint is.
  RunKeeper(CheckpointStore& checkpoints, ConfigHashes hashes, RunObserver& observer);
  void keep(const Checkpoint& checkpoint, bool best) override;
  std::optional<Checkpoint> newest() override;

 private:
  CheckpointStore& checkpoints_;
  ConfigHashes hashes_;
  RunObserver& observer_;
};

}  // namespace dropmuon
