// SPDX-License-Identifier: MIT
// The metrics of a run as TensorBoard reads them.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include <dropmuon/training/metrics.h>

namespace dropmuon {

// A file events.out.tfevents.<seconds>.<host>.<pid>.<n>, new for every process that works on a run
// and of a later second than those that are there, because TensorBoard reads them by name:
// records of u64 length, masked CRC-32C of the length, payload, masked CRC-32C of the payload, each
// payload a protobuf message tensorflow.Event. Every row is flushed. Throws Error(cannot_write).
class EventFile {
 public:
  // TensorBoard forgets steps from `first_step` on that earlier files of the folder have: 0 for a
  // new run, one more than the steps done for one that goes on.
  EventFile(const std::string& folder, std::int64_t first_step);

  // One scalar for each measured metric but the step, which is that of the event.
  void write(const MetricsRow& row);

  // After a rollback: TensorBoard forgets steps from `step` on, which will come again.
  void forget_from(std::int64_t step);

  void sync();  // returns when all rows are on the disk

  const std::string& path() const { return path_; }

 private:
  void append(std::string_view event);

  std::string path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
};

}  // namespace dropmuon
