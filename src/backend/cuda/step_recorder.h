// SPDX-License-Identifier: MIT
// One graph per active set, or one for each half of its step. The first step of a key is run
// directly: libraries load their kernels when they are first used, which a capture does not allow,
// and a set that never comes again need not be recorded. The second is captured, and it and all
// later ones are replays. With graphs off every step is run directly.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <vector>

#include "handle.h"
#include "profiler_range.h"
#include <dropmuon/backend/backend.h>

namespace dropmuon::cuda {

class StepRecorder {
 public:
  static constexpr std::size_t kMostKept = 64;  // the least recently used is dropped for the 65th

  StepRecorder(cudaStream_t stream, bool graphs) : stream_(stream), graphs_(graphs) {}

  void run(const StepKey& key, const std::function<void()>& body);
  void mark(Phase phase);  // ignored outside of run()

  // Times the last run of each key and multiplies by its runs since the last call; waits for the
  // stream. The steps of a key do the same work, so one stands for all.
  PhaseSeconds take_seconds();

  bool graphs() const { return graphs_; }
  bool recording() const { return capturing_; }
  void forget();  // waits for the stream
  RecordingCounts counts() const;

 private:
  struct Mark {
    Phase phase = Phase::idle;
    Event event;
  };
  struct Recording {
    StepKey key;
    bool ran = false;
    GraphExec graph;
    std::vector<Mark> marks;
    std::size_t mark_count = 0;
    std::int64_t runs = 0;  // since the seconds were last taken
  };

  Recording& find(const StepKey& key);
  void capture(Recording& recording, const std::function<void()>& body);
  void end_failed_capture();
  void run_directly(Recording& recording, const std::function<void()>& body);
  void run_body(Recording& recording, const std::function<void()>& body);
  void add_seconds(Recording& recording);

  cudaStream_t stream_;
  bool graphs_;
  bool capturing_ = false;
  Recording* current_ = nullptr;
  std::optional<ProfilerRange> phase_range_;
  std::list<Recording> recordings_;  // most recently used first
  std::map<StepKey, std::list<Recording>::iterator> by_key_;
  PhaseSeconds seconds_;
  RecordingCounts counts_;
};

}  // namespace dropmuon::cuda
