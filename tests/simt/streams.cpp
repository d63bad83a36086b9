// SPDX-License-Identifier: MIT
// Streams and events. A stream's work runs at once, or in lazy mode when something waits for it.
#include "simt/streams.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>

namespace simt {

std::recursive_mutex runtime_mutex;
std::list<std::shared_ptr<CUstream_st>> streams;
cudaError_t sticky_error = cudaSuccess;

namespace {

bool lazy_streams = std::getenv("SIMT_LAZY") != nullptr;
bool in_host_function = false;

void run(const Work& work) {
  if (sticky_error) return;  // nothing runs after a fault
  if (const cudaError_t error = work()) sticky_error = error;
}

// Waits of the host for a captured event or inside a capture are mistakes.
cudaError_t check_host_wait(const CUevent_st::State& state) {
  return state.capture ? cudaErrorCapturedEvent : cudaSuccess;
}

bool reached(const CUevent_st::State& state) {
  return !state.recorded || !state.stream || state.stream->completed >= state.position;
}

}  // namespace

void set_lazy(bool value) {
  const Lock lock(runtime_mutex);
  if (!value) drain_all();
  lazy_streams = value;
}
bool lazy() { return lazy_streams; }

std::shared_ptr<CUstream_st> find_stream(cudaStream_t stream) {
  for (const auto& known : streams) {
    if (known.get() == stream) return known;
  }
  return nullptr;
}

void drain(CUstream_st& stream, std::uint64_t position) {
  while (stream.completed < position && !stream.queue.empty()) {
    const Work work = std::move(stream.queue.front());
    stream.queue.pop_front();
    run(work);
    ++stream.completed;
  }
}
void drain_stream(cudaStream_t stream) {
  if (stream) {
    drain(*stream, stream->issued);
  } else {
    drain_all();
  }
}
void drain_all() {
  const auto copy = streams;
  for (const auto& stream : copy) drain(*stream, stream->issued);
}

cudaError_t enqueue(cudaStream_t stream, Work work, cudaGraphNodeType type) {
  if (in_host_function) {
    fail("a host function calls the CUDA run time");
    return keep_error(cudaErrorNotPermitted);
  }
  if (sticky_error) return keep_error(sticky_error);
  if (!stream) {  // the default stream waits for all and all wait for it
    if (const auto error = forbid_in_capture("work on the default stream")) return error;
    drain_all();
    run(work);
    return cudaSuccess;
  }
  if (!find_stream(stream)) return keep_error(cudaErrorInvalidResourceHandle);
  if (stream->capture) return capture_node(*stream, {std::move(work), type, {}, nullptr});
  stream->queue.push_back(std::move(work));
  ++stream->issued;
  if (!lazy_streams) drain(*stream, stream->issued);
  return cudaSuccess;
}

void reset_streams() {
  sticky_error = cudaSuccess;
  (void)cudaGetLastError();
  for (const auto& stream : streams) {
    stream->queue.clear();
    stream->completed = stream->issued;
  }
}

void record_now(CUevent_st::State& state) {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  state.milliseconds = std::chrono::duration<double, std::milli>(now).count();
}
Work record_work(const std::shared_ptr<CUevent_st::State>& state) {
  return [state] {
    record_now(*state);
    return cudaSuccess;
  };
}
Work wait_work(const std::shared_ptr<CUevent_st::State>& state) {
  return [other = state->stream, position = state->position] {
    if (other) drain(*other, position);
    return cudaSuccess;
  };
}

}  // namespace simt

using namespace simt;

extern "C" {

// ----------------------------------------------------------------- streams
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  const Lock lock(runtime_mutex);
  if (sticky_error) return keep_error(sticky_error);
  streams.push_back(std::make_shared<CUstream_st>());
  *stream = streams.back().get();
  return cudaSuccess;
}
cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return cudaStreamCreateWithFlags(stream, cudaStreamDefault);
}
cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int) {
  return cudaStreamCreateWithFlags(stream, flags);
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const Lock lock(runtime_mutex);
  const auto found = find_stream(stream);
  if (!found) return keep_error(cudaErrorInvalidResourceHandle);
  drain(*found, found->issued);
  if (found->capture) found->capture->broken = true;
  streams.remove(found);
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const Lock lock(runtime_mutex);
  if (const auto error = forbid_in_capture("cudaStreamSynchronize")) return error;
  if (stream && !find_stream(stream)) return keep_error(cudaErrorInvalidResourceHandle);
  drain_stream(stream);
  return keep_error(sticky_error);
}
cudaError_t cudaDeviceSynchronize() {
  const Lock lock(runtime_mutex);
  if (const auto error = forbid_in_capture("cudaDeviceSynchronize")) return error;
  drain_all();
  return keep_error(sticky_error);
}
// A poll that finds unfinished work lets it proceed, so that polling loops end in lazy mode.
cudaError_t cudaStreamQuery(cudaStream_t stream) {
  const Lock lock(runtime_mutex);
  if (const auto error = forbid_in_capture("cudaStreamQuery")) return error;
  if (stream && !find_stream(stream)) return keep_error(cudaErrorInvalidResourceHandle);
  const bool busy = stream ? !stream->queue.empty()
                           : std::any_of(streams.begin(), streams.end(),
                                         [](const auto& s) { return !s->queue.empty(); });
  drain_stream(stream);
  if (sticky_error) return keep_error(sticky_error);
  return busy ? cudaErrorNotReady : cudaSuccess;
}
cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* data) {
  const Lock lock(runtime_mutex);
  return enqueue(
      stream,
      [=] {
        in_host_function = true;
        function(data);
        in_host_function = false;
        return cudaSuccess;
      },
      cudaGraphNodeTypeHost);
}

// ----------------------------------------------------------------- events
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  if (sticky_error) return keep_error(sticky_error);
  *event = new CUevent_st;
  (*event)->timed = !(flags & cudaEventDisableTiming);
  return cudaSuccess;
}
cudaError_t cudaEventCreate(cudaEvent_t* event) {
  return cudaEventCreateWithFlags(event, cudaEventDefault);
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  if (!event) return keep_error(cudaErrorInvalidResourceHandle);
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned flags) {
  const Lock lock(runtime_mutex);
  if (!event) return keep_error(cudaErrorInvalidResourceHandle);
  const auto found = find_stream(stream);
  if (stream && !found) return keep_error(cudaErrorInvalidResourceHandle);
  auto& state = event->state;
  if (found && found->capture) {
    if (flags & cudaEventRecordExternal) {
      return capture_node(*found, {record_work(state), cudaGraphNodeTypeEventRecord, {}, state});
    }
    state->capture = found->capture;
    state->capture_tail = found->capture_tail;
    return cudaSuccess;
  }
  if (flags & cudaEventRecordExternal) return keep_error(cudaErrorIllegalState);
  state->capture = nullptr;
  const auto result = enqueue(stream, record_work(state), cudaGraphNodeTypeEventRecord);
  if (result) return result;
  state->recorded = true;
  state->stream = found;
  state->position = found ? found->issued : 0;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return cudaEventRecordWithFlags(event, stream, cudaEventRecordDefault);
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const Lock lock(runtime_mutex);
  if (!event) return keep_error(cudaErrorInvalidResourceHandle);
  if (const auto error = forbid_in_capture("cudaEventSynchronize")) return error;
  const auto& state = *event->state;
  if (const auto error = check_host_wait(state)) return keep_error(error);
  if (!reached(state)) drain(*state.stream, state.position);
  return keep_error(sticky_error);
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  const Lock lock(runtime_mutex);
  if (!event) return keep_error(cudaErrorInvalidResourceHandle);
  if (const auto error = forbid_in_capture("cudaEventQuery")) return error;
  const auto& state = *event->state;
  if (const auto error = check_host_wait(state)) return keep_error(error);
  if (reached(state)) return keep_error(sticky_error);
  drain(*state.stream, state.position);
  return sticky_error ? keep_error(sticky_error) : cudaErrorNotReady;
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  const Lock lock(runtime_mutex);
  if (!milliseconds) return keep_error(cudaErrorInvalidValue);
  if (!start || !end || !start->timed || !end->timed) {
    return keep_error(cudaErrorInvalidResourceHandle);
  }
  if (!start->state->recorded || !end->state->recorded) {
    return keep_error(cudaErrorInvalidResourceHandle);
  }
  if (!reached(*start->state) || !reached(*end->state)) return keep_error(cudaErrorNotReady);
  *milliseconds = float(end->state->milliseconds - start->state->milliseconds);
  return keep_error(sticky_error);
}

}  // extern "C"
