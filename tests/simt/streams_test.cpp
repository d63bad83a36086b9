// SPDX-License-Identifier: MIT
// Streams, events, captures and graphs.
#include <functional>

#include "selftest.h"

using namespace selftest;

namespace {

struct Stream {
  Stream() { REQUIRE(cudaStreamCreateWithFlags(&get, cudaStreamNonBlocking) == cudaSuccess); }
  ~Stream() { cudaStreamDestroy(get); }
  cudaStream_t get = nullptr;
};
struct Event {
  explicit Event(unsigned flags = cudaEventDefault) {
    REQUIRE(cudaEventCreateWithFlags(&get, flags) == cudaSuccess);
  }
  ~Event() { cudaEventDestroy(get); }
  cudaEvent_t get = nullptr;
};
struct Pinned {
  explicit Pinned(float value) {
    REQUIRE(cudaMallocHost(reinterpret_cast<void**>(&get), 4) == cudaSuccess);
    *get = value;
  }
  ~Pinned() { cudaFreeHost(get); }
  float* get = nullptr;
};

void begin(cudaStream_t stream) {
  REQUIRE(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal) == cudaSuccess);
}
cudaGraphExec_t end(cudaStream_t stream, std::size_t* nodes = nullptr) {
  cudaGraph_t graph = nullptr;
  REQUIRE(cudaStreamEndCapture(stream, &graph) == cudaSuccess);
  if (nodes) REQUIRE(cudaGraphGetNodes(graph, nullptr, nodes) == cudaSuccess);
  cudaGraphExec_t executable = nullptr;
  REQUIRE(cudaGraphInstantiate(&executable, graph, 0) == cudaSuccess);
  REQUIRE(cudaGraphDestroy(graph) == cudaSuccess);
  return executable;
}

}  // namespace

TEST_CASE("an event orders two streams, and lazy streams show where it is missing") {
  const Harness harness;
  simt::set_lazy(true);
  const Stream other;
  const Event event(cudaEventDisableTiming);
  for (const bool with_event : {true, false}) {
    const Device<float> x(std::vector<float>{1.0f});
    const Pinned result(0.0f);
    REQUIRE(scale(x, 2.0f, 1, harness.stream) == cudaSuccess);
    REQUIRE(cudaEventRecord(event.get, harness.stream) == cudaSuccess);
    if (with_event) REQUIRE(cudaStreamWaitEvent(other.get, event.get, 0) == cudaSuccess);
    REQUIRE(cudaMemcpyAsync(result.get, x, 4, cudaMemcpyDeviceToHost, other.get) == cudaSuccess);
    REQUIRE(cudaStreamSynchronize(other.get) == cudaSuccess);
    CHECK(*result.get == (with_event ? 2.0f : 1.0f));
  }
}

TEST_CASE("pinned memory is read when the copy runs, pageable memory at the call") {
  const Harness harness;
  simt::set_lazy(true);
  const Device<float> from_pinned(1);
  const Device<float> from_pageable(1);
  const Pinned pinned(1.0f);
  float pageable = 1.0f;
  REQUIRE(cudaMemcpyAsync(from_pinned, pinned.get, 4, cudaMemcpyHostToDevice, harness.stream) ==
          cudaSuccess);
  REQUIRE(cudaMemcpyAsync(from_pageable, &pageable, 4, cudaMemcpyDefault, harness.stream) ==
          cudaSuccess);
  *pinned.get = pageable = 2.0f;
  REQUIRE(harness.finish() == cudaSuccess);
  CHECK(from_pinned.host()[0] == 2.0f);
  CHECK(from_pageable.host()[0] == 1.0f);
}

TEST_CASE("a copy to pageable memory waits, one to pinned memory does not") {
  const Harness harness;
  simt::set_lazy(true);
  const Device<float> x(std::vector<float>{3.0f});
  const Pinned pinned(0.0f);
  REQUIRE(cudaMemcpyAsync(pinned.get, x, 4, cudaMemcpyDeviceToHost, harness.stream) == cudaSuccess);
  CHECK(*pinned.get == 0.0f);
  CHECK(cudaStreamQuery(harness.stream) == cudaErrorNotReady);
  CHECK(cudaStreamQuery(harness.stream) == cudaSuccess);
  CHECK(*pinned.get == 3.0f);
  float pageable = 0.0f;
  REQUIRE(cudaMemcpyAsync(&pageable, x, 4, cudaMemcpyDefault, harness.stream) == cudaSuccess);
  CHECK(pageable == 3.0f);
}

TEST_CASE("elapsed time between events") {
  const Harness harness;
  simt::set_lazy(true);
  const Event start;
  const Event stop;
  const Event untimed(cudaEventDisableTiming);
  const Device<float> x(std::vector<float>(1 << 16, 1.0f));
  float milliseconds = -1.0f;
  CHECK(cudaEventElapsedTime(&milliseconds, start.get, stop.get) == cudaErrorInvalidResourceHandle);
  REQUIRE(cudaEventRecord(start.get, harness.stream) == cudaSuccess);
  REQUIRE(scale(x, 2.0f, 1 << 16, harness.stream) == cudaSuccess);
  REQUIRE(cudaEventRecord(stop.get, harness.stream) == cudaSuccess);
  CHECK(cudaEventElapsedTime(&milliseconds, start.get, stop.get) == cudaErrorNotReady);
  CHECK(cudaEventQuery(stop.get) == cudaErrorNotReady);
  REQUIRE(cudaEventSynchronize(stop.get) == cudaSuccess);
  REQUIRE(cudaEventElapsedTime(&milliseconds, start.get, stop.get) == cudaSuccess);
  CHECK(milliseconds > 0.0f);
  CHECK(cudaEventElapsedTime(&milliseconds, start.get, untimed.get) ==
        cudaErrorInvalidResourceHandle);
}

TEST_CASE("a graph replays its kernels with the arguments of the capture") {
  const Harness harness;
  const Device<float> x(std::vector<float>{1.0f});
  const Device<float> factor(std::vector<float>{3.0f});
  float by_value = 2.0f;
  begin(harness.stream);
  cudaStreamCaptureStatus status{};
  REQUIRE(cudaStreamIsCapturing(harness.stream, &status) == cudaSuccess);
  CHECK(status == cudaStreamCaptureStatusActive);
  REQUIRE(scale(x, by_value, 1, harness.stream) == cudaSuccess);
  REQUIRE(scale_by(x, factor, 1, harness.stream) == cudaSuccess);
  std::size_t nodes = 0;
  const auto graph = end(harness.stream, &nodes);
  CHECK(nodes == 2);
  CHECK(x.host()[0] == 1.0f);  // the capture ran nothing
  by_value = 100.0f;           // too late
  REQUIRE(cudaGraphLaunch(graph, harness.stream) == cudaSuccess);
  REQUIRE(harness.finish() == cudaSuccess);
  CHECK(x.host()[0] == 6.0f);
  const float ten = 10.0f;
  REQUIRE(cudaMemcpy(factor, &ten, 4, cudaMemcpyHostToDevice) == cudaSuccess);
  REQUIRE(cudaGraphLaunch(graph, harness.stream) == cudaSuccess);
  REQUIRE(harness.finish() == cudaSuccess);
  CHECK(x.host()[0] == 120.0f);  // memory is read at the replay
  REQUIRE(cudaGraphExecDestroy(graph) == cudaSuccess);
}

TEST_CASE("what a capture refuses, and then is invalid") {
  const Harness harness;
  const Device<float> x(std::vector<float>{1.0f});
  float pageable = 0.0f;
  void* memory = nullptr;
  const Event event;
  const std::vector<std::function<cudaError_t()>> forbidden{
      [&] { return cudaMalloc(&memory, 8); },
      [&] { return cudaFree(x); },
      [&] { return cudaMallocHost(&memory, 8); },
      [&] { return cudaMemcpy(x, &pageable, 4, cudaMemcpyHostToDevice); },
      [&] { return cudaStreamSynchronize(harness.stream); },
      [&] { return cudaDeviceSynchronize(); },
      [&] { return cudaEventQuery(event.get); },
      [&] { return cudaMemcpyAsync(x, &pageable, 4, cudaMemcpyHostToDevice, harness.stream); },
      [&] { return cudaMemcpyAsync(&pageable, x, 4, cudaMemcpyDeviceToHost, harness.stream); },
      [&] { return scale(x, 1.0f, 1, nullptr); },
  };
  for (const auto& call : forbidden) {
    begin(harness.stream);
    CHECK(call() == cudaErrorStreamCaptureUnsupported);
    cudaStreamCaptureStatus status{};
    REQUIRE(cudaStreamIsCapturing(harness.stream, &status) == cudaSuccess);
    CHECK(status == cudaStreamCaptureStatusInvalidated);
    CHECK(scale(x, 1.0f, 1, harness.stream) == cudaErrorStreamCaptureInvalidated);
    cudaGraph_t graph = nullptr;
    CHECK(cudaStreamEndCapture(harness.stream, &graph) == cudaErrorStreamCaptureInvalidated);
    CHECK(graph == nullptr);
  }
  CHECK(cudaStreamBeginCapture(nullptr, cudaStreamCaptureModeGlobal) ==
        cudaErrorStreamCaptureUnsupported);
}

TEST_CASE("a capture takes copies of pinned memory") {
  const Harness harness;
  const Pinned in(1.0f);
  const Pinned out(0.0f);
  const Device<float> x(1);
  begin(harness.stream);
  REQUIRE(cudaMemcpyAsync(x, in.get, 4, cudaMemcpyHostToDevice, harness.stream) == cudaSuccess);
  REQUIRE(cudaMemcpyAsync(out.get, x, 4, cudaMemcpyDeviceToHost, harness.stream) == cudaSuccess);
  REQUIRE(cudaMemsetAsync(x, 0, 4, harness.stream) == cudaSuccess);
  const auto graph = end(harness.stream);
  *in.get = 7.0f;
  REQUIRE(cudaGraphLaunch(graph, harness.stream) == cudaSuccess);
  REQUIRE(harness.finish() == cudaSuccess);
  CHECK(*out.get == 7.0f);
  CHECK(x.host()[0] == 0.0f);
  REQUIRE(cudaGraphExecDestroy(graph) == cudaSuccess);
}

// x *= 2 on one stream, y = x on another, joined; the fork or the order between them may be
// missing.
static float forked_result(int order, bool ordered) {
  const Harness harness;
  simt::set_order(order);
  const Stream other;
  const Event fork(cudaEventDisableTiming);
  const Event join(cudaEventDisableTiming);
  const Device<float> x(std::vector<float>{1.0f});
  const Device<float> y(std::vector<float>{0.0f});
  begin(harness.stream);
  if (!ordered) REQUIRE(cudaEventRecord(fork.get, harness.stream) == cudaSuccess);
  REQUIRE(scale(x, 2.0f, 1, harness.stream) == cudaSuccess);
  if (ordered) REQUIRE(cudaEventRecord(fork.get, harness.stream) == cudaSuccess);
  REQUIRE(cudaStreamWaitEvent(other.get, fork.get, 0) == cudaSuccess);
  REQUIRE(cudaMemcpyAsync(y, x, 4, cudaMemcpyDeviceToDevice, other.get) == cudaSuccess);
  REQUIRE(cudaEventRecord(join.get, other.get) == cudaSuccess);
  REQUIRE(cudaStreamWaitEvent(harness.stream, join.get, 0) == cudaSuccess);
  const auto graph = end(harness.stream);
  REQUIRE(cudaGraphLaunch(graph, harness.stream) == cudaSuccess);
  REQUIRE(harness.finish() == cudaSuccess);
  REQUIRE(cudaGraphExecDestroy(graph) == cudaSuccess);
  return y.host()[0];
}

TEST_CASE("captured branches run in any order that their events allow") {
  for (const int order : {0, -1, 1, 2, 3}) CHECK(forked_result(order, true) == 2.0f);
  CHECK(forked_result(0, false) == 2.0f);
  CHECK(forked_result(-1, false) == 1.0f);
}

TEST_CASE("a branch that is not joined and an event from outside spoil a capture") {
  const Harness harness;
  const Stream other;
  const Event fork(cudaEventDisableTiming);
  const Event before(cudaEventDisableTiming);
  const Device<float> x(std::vector<float>{1.0f});
  REQUIRE(cudaEventRecord(before.get, other.get) == cudaSuccess);
  begin(harness.stream);
  REQUIRE(cudaEventRecord(fork.get, harness.stream) == cudaSuccess);
  REQUIRE(cudaStreamWaitEvent(other.get, fork.get, 0) == cudaSuccess);
  REQUIRE(scale(x, 2.0f, 1, other.get) == cudaSuccess);
  cudaGraph_t graph = nullptr;
  CHECK(cudaStreamEndCapture(harness.stream, &graph) == cudaErrorStreamCaptureUnjoined);
  CHECK(cudaStreamWaitEvent(other.get, fork.get, 0) == cudaErrorCapturedEvent);
  CHECK(cudaEventSynchronize(fork.get) == cudaErrorCapturedEvent);
  begin(harness.stream);
  CHECK(cudaStreamWaitEvent(harness.stream, before.get, 0) == cudaErrorStreamCaptureIsolation);
  CHECK(cudaStreamEndCapture(harness.stream, &graph) == cudaErrorStreamCaptureInvalidated);
}

TEST_CASE("an external event in a graph is recorded by each replay") {
  const Harness harness;
  simt::set_lazy(true);
  const Event start;
  const Event stop;
  const Device<float> x(std::vector<float>(1 << 14, 1.0f));
  CHECK(cudaEventRecordWithFlags(start.get, harness.stream, cudaEventRecordExternal) ==
        cudaErrorIllegalState);
  begin(harness.stream);
  REQUIRE(cudaEventRecordWithFlags(start.get, harness.stream, cudaEventRecordExternal) ==
          cudaSuccess);
  REQUIRE(scale(x, 2.0f, 1 << 14, harness.stream) == cudaSuccess);
  REQUIRE(cudaEventRecordWithFlags(stop.get, harness.stream, cudaEventRecordExternal) ==
          cudaSuccess);
  std::size_t nodes = 0;
  const auto graph = end(harness.stream, &nodes);
  CHECK(nodes == 3);
  for (int replay = 0; replay < 2; ++replay) {
    REQUIRE(cudaGraphLaunch(graph, harness.stream) == cudaSuccess);
    CHECK(cudaEventQuery(stop.get) == cudaErrorNotReady);
    REQUIRE(cudaEventSynchronize(stop.get) == cudaSuccess);
    float milliseconds = 0.0f;
    REQUIRE(cudaEventElapsedTime(&milliseconds, start.get, stop.get) == cudaSuccess);
    CHECK(milliseconds > 0.0f);
  }
  CHECK(x.host()[0] == 4.0f);
  REQUIRE(cudaGraphExecDestroy(graph) == cudaSuccess);
}

TEST_CASE("host functions run in stream order and may not call the run time") {
  const Harness harness;
  simt::set_lazy(true);
  int calls = 0;
  REQUIRE(cudaLaunchHostFunc(
              harness.stream, [](void* data) { ++*static_cast<int*>(data); }, &calls) ==
          cudaSuccess);
  CHECK(calls == 0);
  REQUIRE(harness.finish() == cudaSuccess);
  CHECK(calls == 1);
  const Device<float> x(std::vector<float>{1.0f});
  struct Data {
    float* x;
    cudaStream_t stream;
    cudaError_t result;
  } data{x, harness.stream, cudaSuccess};
  REQUIRE(cudaLaunchHostFunc(
              harness.stream,
              [](void* p) {
                auto& d = *static_cast<Data*>(p);
                d.result = cudaMemsetAsync(d.x, 0, 4, d.stream);
              },
              &data) == cudaSuccess);
  (void)harness.finish();
  CHECK(data.result == cudaErrorNotPermitted);
}

TEST_CASE("handles that are no longer alive are refused") {
  const Harness harness;
  cudaStream_t stream = nullptr;
  REQUIRE(cudaStreamCreate(&stream) == cudaSuccess);
  REQUIRE(cudaStreamDestroy(stream) == cudaSuccess);
  const Device<float> x(std::vector<float>{1.0f});
  CHECK(scale(x, 2.0f, 1, stream) == cudaErrorInvalidResourceHandle);
  CHECK(cudaStreamSynchronize(stream) == cudaErrorInvalidResourceHandle);
}
