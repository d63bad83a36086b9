// SPDX-License-Identifier: MIT
#include "run_observer.h"

#include <chrono>
#include <utility>

namespace dropmuon {

RunObserver::RunObserver(const RunFolder& folder, MetricsWriter writer,
                         std::optional<EventFile> events, CheckpointStore& checkpoints,
                         ConfigHashes hashes, const RunControl& control, RunView& view)
    : folder_(folder),
      writer_(std::move(writer)),
      events_(std::move(events)),
      checkpoints_(checkpoints),
      hashes_(std::move(hashes)),
      control_(control),
      view_(view) {}

void RunObserver::on_step(std::int64_t steps_done) {
  tell_pauses();
  view_.on_step(steps_done);
}

void RunObserver::on_metrics(const MetricsRow& row) {
  tell_pauses();
  writer_.write(row);
  if (events_) events_->write(row);
  view_.on_metrics(row);
}

void RunObserver::on_checkpoint(const Checkpoint& checkpoint, bool best) {
  Checkpoint named = checkpoint;
  named.config_hash = hashes_.own;
  sync();  // a checkpoint must not outlive the rows before it
  checkpoints_.save(named);
  if (best) checkpoints_.mark_best(named.step);
}

std::optional<Checkpoint> RunObserver::on_rollback() {
  auto loaded = checkpoints_.load_newest(hashes_.own, hashes_.of_text);
  if (!loaded) return std::nullopt;
  warn_of_damage(*loaded);
  writer_ = MetricsWriter(folder_.path(), loaded->checkpoint.step, 0);
  if (events_) events_->forget_from(loaded->checkpoint.step + 1);
  return std::move(loaded->checkpoint);
}

void RunObserver::sync() {
  writer_.sync();
  if (events_) events_->sync();
}

void RunObserver::tell_pauses() {
  for (const RunClock::duration pause : RunClock::pauses(pauses_)) {
    ++pauses_;
    view_.on_pause(std::chrono::duration<double>(pause).count());
  }
}

}  // namespace dropmuon
