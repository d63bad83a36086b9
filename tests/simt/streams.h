// SPDX-License-Identifier: MIT
// Streams, events and captures, as the run time keeps them.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <thread>
#include <vector>

#include "simt/internal.h"

namespace simt {
struct Capture;
using NodeIds = std::vector<std::size_t>;
}  // namespace simt

// The names behind the opaque handles of the CUDA headers.
struct CUstream_st {
  std::deque<simt::Work> queue;
  std::uint64_t issued = 0;
  std::uint64_t completed = 0;
  std::shared_ptr<simt::Capture> capture;
  simt::NodeIds capture_tail;  // what the next captured node depends on
};

struct CUevent_st {
  struct State {
    std::shared_ptr<CUstream_st> stream;  // of the last record; null: the default stream
    bool recorded = false;
    std::uint64_t position = 0;  // reached when the stream has completed this much
    double milliseconds = 0.0;
    std::shared_ptr<simt::Capture> capture;  // recorded inside this capture
    simt::NodeIds capture_tail;
  };
  std::shared_ptr<State> state = std::make_shared<State>();
  bool timed = true;
};

// One node of a graph. A record or wait of an external event refers to the event itself.
struct CUgraphNode_st {
  simt::Work work;
  cudaGraphNodeType type = cudaGraphNodeTypeEmpty;
  simt::NodeIds after;
  std::shared_ptr<CUevent_st::State> event;
};

struct CUgraph_st {
  std::vector<std::shared_ptr<CUgraphNode_st>> nodes;
};

struct CUgraphExec_st {
  std::vector<std::shared_ptr<CUgraphNode_st>> nodes;
};

namespace simt {

struct Capture {
  std::unique_ptr<CUgraph_st> graph = std::make_unique<CUgraph_st>();
  CUstream_st* origin = nullptr;  // null once the capture has ended
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  std::thread::id thread;
  bool broken = false;
};

extern std::list<std::shared_ptr<CUstream_st>> streams;
std::shared_ptr<CUstream_st> find_stream(cudaStream_t stream);  // null if there is none
void drain(CUstream_st& stream, std::uint64_t position);

// Appends a node behind the stream's tail and makes it the tail.
cudaError_t capture_node(CUstream_st& stream, CUgraphNode_st node);
// The work that records an event / waits for one, outside captures.
void record_now(CUevent_st::State& state);
Work record_work(const std::shared_ptr<CUevent_st::State>& state);
Work wait_work(const std::shared_ptr<CUevent_st::State>& state);

}  // namespace simt
