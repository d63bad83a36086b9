// SPDX-License-Identifier: MIT
// Stream capture and graphs. Nodes keep their dependencies, and a replay may take any order that
// those allow (SIMT_SCHED), so a missing event between captured streams shows.
#include <algorithm>

#include "simt/streams.h"

namespace simt {
namespace {

using Nodes = std::vector<std::shared_ptr<CUgraphNode_st>>;

void leave_capture(const std::shared_ptr<Capture>& capture) {
  capture->origin = nullptr;
  for (const auto& stream : streams) {
    if (stream->capture != capture) continue;
    stream->capture = nullptr;
    stream->capture_tail.clear();
  }
}

// Has all captured work been joined into the origin stream?
bool joined(const Capture& capture) {
  const Nodes& nodes = capture.graph->nodes;
  std::vector<char> seen(nodes.size());
  NodeIds pending = capture.origin->capture_tail;
  while (!pending.empty()) {
    const std::size_t id = pending.back();
    pending.pop_back();
    if (seen[id]) continue;
    seen[id] = 1;
    pending.insert(pending.end(), nodes[id]->after.begin(), nodes[id]->after.end());
  }
  return std::find(seen.begin(), seen.end(), 0) == seen.end();
}

// Captured order, or the most contrary one, or a random one.
Nodes replay_order(const Nodes& nodes) {
  if (order() == 0) return nodes;
  Nodes result;
  std::vector<char> done(nodes.size());
  while (result.size() < nodes.size()) {
    NodeIds ready;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const auto is_done = [&](std::size_t id) { return done[id] != 0; };
      const NodeIds& after = nodes[i]->after;
      if (!done[i] && std::all_of(after.begin(), after.end(), is_done)) ready.push_back(i);
    }
    const std::size_t id = order() < 0 ? ready.back() : ready[random_source()() % ready.size()];
    done[id] = 1;
    result.push_back(nodes[id]);
  }
  return result;
}

}  // namespace

bool is_capturing(cudaStream_t stream) { return stream && stream->capture; }

cudaError_t forbid_in_capture(const char* what) {
  bool forbidden = false;
  for (const auto& stream : streams) {
    const auto& capture = stream->capture;
    if (!capture || capture->mode == cudaStreamCaptureModeRelaxed) continue;
    if (capture->mode == cudaStreamCaptureModeThreadLocal &&
        capture->thread != std::this_thread::get_id()) {
      continue;
    }
    capture->broken = forbidden = true;
  }
  if (!forbidden) return cudaSuccess;
  note(std::string(what) + " while a stream is capturing");
  return keep_error(cudaErrorStreamCaptureUnsupported);
}

cudaError_t capture_node(CUstream_st& stream, CUgraphNode_st node) {
  Capture& capture = *stream.capture;
  if (capture.broken) return keep_error(cudaErrorStreamCaptureInvalidated);
  node.after = stream.capture_tail;
  capture.graph->nodes.push_back(std::make_shared<CUgraphNode_st>(std::move(node)));
  stream.capture_tail = {capture.graph->nodes.size() - 1};
  return cudaSuccess;
}

void reset_captures() {
  for (const auto& stream : streams) {
    const auto capture = stream->capture;
    if (capture) leave_capture(capture);
  }
}

}  // namespace simt

using namespace simt;

extern "C" {

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags) {
  const Lock lock(runtime_mutex);
  if (!event) return keep_error(cudaErrorInvalidResourceHandle);
  const auto found = find_stream(stream);
  if (stream && !found) return keep_error(cudaErrorInvalidResourceHandle);
  const auto& state = event->state;
  if (found && found->capture && flags & cudaEventWaitExternal) {
    return capture_node(
        *found, {[state] { return wait_work(state)(); }, cudaGraphNodeTypeWaitEvent, {}, nullptr});
  }
  if (state->capture) {  // fork or join inside a capture
    if (!found || (found->capture && found->capture != state->capture)) {
      return keep_error(cudaErrorStreamCaptureIsolation);
    }
    if (!state->capture->origin) {
      return keep_error(cudaErrorCapturedEvent);  // that capture has ended
    }
    found->capture = state->capture;
    for (const std::size_t id : state->capture_tail) {
      auto& tail = found->capture_tail;
      if (std::find(tail.begin(), tail.end(), id) == tail.end()) tail.push_back(id);
    }
    return cudaSuccess;
  }
  if (!state->recorded) return cudaSuccess;
  if (found && found->capture) {  // the graph would wait for something outside it
    found->capture->broken = true;
    return keep_error(cudaErrorStreamCaptureIsolation);
  }
  return enqueue(stream, wait_work(state), cudaGraphNodeTypeWaitEvent);
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  const Lock lock(runtime_mutex);
  if (!stream) return keep_error(cudaErrorStreamCaptureUnsupported);
  const auto found = find_stream(stream);
  if (!found) return keep_error(cudaErrorInvalidResourceHandle);
  if (found->capture) return keep_error(cudaErrorIllegalState);
  found->capture = std::make_shared<Capture>();
  found->capture->origin = found.get();
  found->capture->mode = mode;
  found->capture->thread = std::this_thread::get_id();
  found->capture_tail.clear();
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const Lock lock(runtime_mutex);
  if (graph) *graph = nullptr;
  const auto found = find_stream(stream);
  if (!found || !found->capture) return keep_error(cudaErrorIllegalState);
  const auto capture = found->capture;
  if (capture->origin != found.get()) return keep_error(cudaErrorStreamCaptureUnmatched);
  if (capture->mode != cudaStreamCaptureModeRelaxed &&
      capture->thread != std::this_thread::get_id()) {
    return keep_error(cudaErrorStreamCaptureWrongThread);
  }
  const bool all_joined = capture->broken || joined(*capture);
  leave_capture(capture);
  if (capture->broken) return keep_error(cudaErrorStreamCaptureInvalidated);
  if (!all_joined) return keep_error(cudaErrorStreamCaptureUnjoined);
  *graph = capture->graph.release();
  return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  const Lock lock(runtime_mutex);
  if (!status) return keep_error(cudaErrorInvalidValue);
  *status = !is_capturing(stream)     ? cudaStreamCaptureStatusNone
            : stream->capture->broken ? cudaStreamCaptureStatusInvalidated
                                      : cudaStreamCaptureStatusActive;
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph,
                                 unsigned long long) {
  if (!executable || !graph) return keep_error(cudaErrorInvalidValue);
  *executable = new CUgraphExec_st{graph->nodes};
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  const Lock lock(runtime_mutex);
  if (!executable) return keep_error(cudaErrorInvalidValue);
  const auto found = find_stream(stream);
  if (is_capturing(stream)) return forbid_in_capture("cudaGraphLaunch");
  for (const auto& node : replay_order(executable->nodes)) {
    if (const auto error = enqueue(stream, node->work, node->type)) return error;
    if (!node->event) continue;
    node->event->capture = nullptr;
    node->event->recorded = true;
    node->event->stream = found;
    node->event->position = found ? found->issued : 0;
  }
  return cudaSuccess;
}

cudaError_t cudaGraphUpload(cudaGraphExec_t executable, cudaStream_t) {
  return executable ? cudaSuccess : keep_error(cudaErrorInvalidValue);
}

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, std::size_t* count) {
  if (!graph || !count) return keep_error(cudaErrorInvalidValue);
  if (nodes) {
    for (std::size_t i = 0; i < *count; ++i) {
      nodes[i] = i < graph->nodes.size() ? graph->nodes[i].get() : nullptr;
    }
  }
  *count = graph->nodes.size();
  return cudaSuccess;
}
cudaError_t cudaGraphNodeGetType(cudaGraphNode_t node, cudaGraphNodeType* type) {
  if (!node || !type) return keep_error(cudaErrorInvalidValue);
  *type = node->type;
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  delete executable;
  return cudaSuccess;
}

}  // extern "C"
