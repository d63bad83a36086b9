// SPDX-License-Identifier: MIT
// Passes what the trainer reports to the files of a run and to the person watching.
#pragma once

#include <cstddef>
#include <optional>

#include <dropmuon/core/run_clock.h>
#include <dropmuon/runner/run_folder.h>
#include <dropmuon/runner/train_run.h>
#include <dropmuon/training/event_file.h>

namespace dropmuon {

class RunObserver final : public TrainObserver {
 public:
  RunObserver(const RunFolder& folder, MetricsWriter writer, std::optional<EventFile> events,
              CheckpointStore& checkpoints, ConfigHashes hashes, const RunControl& control,
              RunView& view);
  void on_step(std::int64_t steps_done) override;
  void on_metrics(const MetricsRow& row) override;
  bool stop_requested() override { return control_.stop_requested(); }
  bool checkpoint_requested() override { return control_.checkpoint_requested(); }
  void on_checkpoint(const Checkpoint& checkpoint, bool best) override;
  std::optional<Checkpoint> on_rollback() override;

  void sync();
  // Those since this observer was made that have not been told yet.
  void tell_pauses();

 private:
  const RunFolder& folder_;
  MetricsWriter writer_;
  std::optional<EventFile> events_;
  CheckpointStore& checkpoints_;
  ConfigHashes hashes_;
  const RunControl& control_;
  RunView& view_;
  std::size_t pauses_ = RunClock::pauses().size();
};

}  // namespace dropmuon
