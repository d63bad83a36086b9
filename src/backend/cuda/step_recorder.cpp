// SPDX-License-Identifier: MIT
#include "step_recorder.h"

#include <utility>

#include <dropmuon/core/error.h>

namespace dropmuon::cuda {
namespace {

const char* name_of(Phase phase) {
  switch (phase) {
    case Phase::idle:
      return "idle";
    case Phase::forward:
      return "forward";
    case Phase::backward:
      return "backward";
    case Phase::optimizer:
      return "optimizer";
  }
  return "?";
}

}  // namespace

void StepRecorder::run(const StepKey& key, const std::function<void()>& body) {
  DM_CHECK(current_ == nullptr, "a step inside a step");
  Recording& recording = find(key);
  ++recording.runs;
  if (!graphs_ || !recording.ran) {
    run_directly(recording, body);
    return;
  }
  if (!recording.graph) {
    capture(recording, body);
  } else {
    ++counts_.replayed;
  }
  const ProfilerRange range("step");
  DM_CUDA(cudaGraphLaunch(recording.graph, stream_));
}

StepRecorder::Recording& StepRecorder::find(const StepKey& key) {
  const auto found = by_key_.find(key);
  if (found != by_key_.end()) {
    recordings_.splice(recordings_.begin(), recordings_, found->second);
    return recordings_.front();
  }
  if (recordings_.size() == kMostKept) {
    Recording& oldest = recordings_.back();
    DM_CUDA(cudaStreamSynchronize(stream_));  // it may still be running
    add_seconds(oldest);
    if (oldest.graph) ++counts_.evicted;
    by_key_.erase(oldest.key);
    recordings_.pop_back();
  }
  recordings_.emplace_front();
  recordings_.front().key = key;
  by_key_[key] = recordings_.begin();
  return recordings_.front();
}

void StepRecorder::run_directly(Recording& recording, const std::function<void()>& body) {
  const ProfilerRange range("step");
  run_body(recording, body);
  recording.ran = true;
}

void StepRecorder::run_body(Recording& recording, const std::function<void()>& body) {
  recording.mark_count = 0;
  struct Leave {
    StepRecorder& recorder;
    ~Leave() {
      recorder.current_ = nullptr;
      recorder.capturing_ = false;
      recorder.phase_range_.reset();
    }
  } leave{*this};
  current_ = &recording;
  body();
}

void StepRecorder::capture(Recording& recording, const std::function<void()>& body) {
  DM_CUDA(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal));
  cudaGraph_t captured = nullptr;
  try {
    capturing_ = true;
    run_body(recording, body);
    DM_CUDA(cudaStreamEndCapture(stream_, &captured));
    const Graph graph(captured);
    cudaGraphExec_t instance = nullptr;
    DM_CUDA(cudaGraphInstantiate(&instance, graph, 0));
    recording.graph = GraphExec(instance);
  } catch (...) {
    end_failed_capture();
    recording.mark_count = 0;  // its events were never recorded
    throw;
  }
  ++counts_.recorded;
}

// Leaves capture mode, if it is still on; the error that led here is the one to report.
void StepRecorder::end_failed_capture() {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  if (cudaStreamIsCapturing(stream_, &status) != cudaSuccess) return;
  if (status == cudaStreamCaptureStatusNone) return;
  cudaGraph_t captured = nullptr;
  cudaStreamEndCapture(stream_, &captured);
  cudaGetLastError();
  const Graph unused(captured);
}

void StepRecorder::mark(Phase phase) {
  if (current_ == nullptr) return;
  phase_range_.reset();
  if (phase != Phase::idle) phase_range_.emplace(name_of(phase));
  if (current_->mark_count == current_->marks.size())
    current_->marks.push_back({phase, make_event()});
  Mark& mark = current_->marks[current_->mark_count++];
  mark.phase = phase;
  // In a capture an ordinary record would only order streams; this one takes the time at replay.
  const unsigned flags = capturing_ ? cudaEventRecordExternal : cudaEventRecordDefault;
  DM_CUDA(cudaEventRecordWithFlags(mark.event, stream_, flags));
}

void StepRecorder::add_seconds(Recording& recording) {
  const auto runs = static_cast<double>(std::exchange(recording.runs, 0));
  if (runs == 0.0) return;
  for (std::size_t i = 0; i + 1 < recording.mark_count; ++i) {
    float milliseconds = 0.0F;
    DM_CUDA(cudaEventElapsedTime(&milliseconds, recording.marks[i].event,
                                 recording.marks[i + 1].event));
    const double seconds = 1e-3 * static_cast<double>(milliseconds) * runs;
    switch (recording.marks[i].phase) {
      case Phase::idle:
        break;
      case Phase::forward:
        seconds_.forward += seconds;
        break;
      case Phase::backward:
        seconds_.backward += seconds;
        break;
      case Phase::optimizer:
        seconds_.optimizer += seconds;
        break;
    }
  }
}

PhaseSeconds StepRecorder::take_seconds() {
  DM_CUDA(cudaStreamSynchronize(stream_));
  for (Recording& recording : recordings_) add_seconds(recording);
  return std::exchange(seconds_, PhaseSeconds{});
}

void StepRecorder::forget() {
  if (recordings_.empty()) return;
  DM_CHECK(current_ == nullptr, "a recording is forgotten inside its step");
  DM_CUDA(cudaStreamSynchronize(stream_));
  for (Recording& recording : recordings_) add_seconds(recording);
  by_key_.clear();
  recordings_.clear();
}

RecordingCounts StepRecorder::counts() const {
  RecordingCounts counts = counts_;
  for (const Recording& recording : recordings_) counts.kept += recording.graph ? 1 : 0;
  return counts;
}

}  // namespace dropmuon::cuda
