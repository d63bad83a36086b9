// SPDX-License-Identifier: MIT
// Device memory, device queries, errors, and the settings of the environment.
#include <algorithm>
#include <cstring>

#include "selftest.h"

using namespace selftest;

TEST_CASE("device memory is counted, limited and reused") {
  const Harness harness;
  const std::size_t before = simt::live_allocations();
  const std::size_t bytes = simt::live_bytes();
  void* a = nullptr;
  void* b = nullptr;
  void* c = nullptr;
  REQUIRE(cudaMalloc(&a, 1000) == cudaSuccess);
  REQUIRE(cudaMalloc(&b, 1000) == cudaSuccess);
  CHECK(reinterpret_cast<std::uintptr_t>(b) % 256 == 0);
  CHECK(simt::live_allocations() == before + 2);
  CHECK(simt::live_bytes() == bytes + 2000);
  REQUIRE(cudaFree(a) == cudaSuccess);
  REQUIRE(cudaFree(b) == cudaSuccess);
  REQUIRE(cudaMalloc(&c, 2000) == cudaSuccess);
  CHECK(c == a);  // the two holes became one
  REQUIRE(cudaFree(c) == cudaSuccess);
  CHECK(simt::live_allocations() == before);

  simt::set_malloc_limit(bytes + 4096);
  std::size_t free_bytes = 0;
  std::size_t total = 0;
  REQUIRE(cudaMemGetInfo(&free_bytes, &total) == cudaSuccess);
  CHECK(free_bytes == 4096);
  CHECK(cudaMalloc(&a, 4097) == cudaErrorMemoryAllocation);
  CHECK(a == nullptr);
  CHECK(cudaGetLastError() == cudaErrorMemoryAllocation);
  CHECK(std::string(cudaGetErrorString(cudaErrorMemoryAllocation)) == "out of memory");
  REQUIRE(cudaMalloc(&a, 4096) == cudaSuccess);
  REQUIRE(cudaFree(a) == cudaSuccess);
}

TEST_CASE("copies that leave their allocation or lie about direction are refused") {
  const Harness harness;
  const Device<float> x(4);
  const Device<float> y(4);
  float host[4] = {};
  CHECK(cudaMemcpy(x, host, 16, cudaMemcpyHostToDevice) == cudaSuccess);
  const auto refused = [&](cudaError_t error) {
    const bool reported = !simt::report().empty();
    simt::reset();
    return error == cudaErrorInvalidValue && reported;
  };
  CHECK(refused(cudaMemcpy(x, y, 17, cudaMemcpyDeviceToDevice)));
  CHECK(refused(cudaMemcpyAsync(x.get() + 2, y, 12, cudaMemcpyDeviceToDevice, harness.stream)));
  CHECK(refused(cudaMemsetAsync(x.get() + 1, 0, 16, harness.stream)));
  CHECK(refused(cudaMemcpy(host, x, 16, cudaMemcpyHostToDevice)));
  CHECK(refused(cudaMemcpy(x, host, 16, cudaMemcpyDeviceToHost)));
  CHECK(refused(cudaFree(x.get() + 1)));
  CHECK(refused(cudaFreeHost(host)));
  CHECK(cudaMemset(host, 0, 16) == cudaErrorInvalidValue);
}

TEST_CASE("the guard stops host code that touches device memory") {
  const Harness harness;
  const Device<float> x(std::vector<float>(64, 1.0f));
  simt::set_guard(false);
  CHECK(survives([&] {
    volatile float value = x.get()[3];
    (void)value;
  }));
  simt::set_guard(true);
  CHECK_FALSE(survives([&] {
    volatile float value = x.get()[3];
    (void)value;
  }));
  CHECK_FALSE(survives([&] { x.get()[3] = 2.0f; }));
  REQUIRE(scale(x, 2.0f, 64, harness.stream) == cudaSuccess);  // kernels may
  REQUIRE(harness.finish() == cudaSuccess);
  CHECK_FALSE(survives([&] { x.get()[3] = 2.0f; }));  // closed again
  CHECK(x.host()[3] == 2.0f);
}

TEST_CASE("the device describes itself completely") {
  int count = 0;
  REQUIRE(cudaGetDeviceCount(&count) == cudaSuccess);
  CHECK(count == 1);
  int device = -1;
  REQUIRE(cudaSetDevice(0) == cudaSuccess);
  CHECK(cudaSetDevice(1) == cudaErrorInvalidDevice);
  REQUIRE(cudaGetDevice(&device) == cudaSuccess);
  CHECK(device == 0);
  cudaDeviceProp properties;
  REQUIRE(cudaGetDeviceProperties(&properties, 0) == cudaSuccess);
  CHECK(std::string(properties.name) == "host SIMT harness");
  CHECK(properties.multiProcessorCount == 132);
  CHECK(properties.maxThreadsPerMultiProcessor == 2048);
  CHECK(properties.sharedMemPerBlockOptin == 227 << 10);
  const auto attribute = [](cudaDeviceAttr which) {
    int value = -1;
    CHECK(cudaDeviceGetAttribute(&value, which, 0) == cudaSuccess);
    return value;
  };
  CHECK(attribute(cudaDevAttrMultiProcessorCount) == properties.multiProcessorCount);
  CHECK(attribute(cudaDevAttrComputeCapabilityMajor) == properties.major);
  CHECK(attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin) ==
        int(properties.sharedMemPerBlockOptin));
  CHECK(attribute(cudaDevAttrWarpSize) == 32);
  int version = 0;
  REQUIRE(cudaDriverGetVersion(&version) == cudaSuccess);
  CHECK(version == CUDART_VERSION);
  REQUIRE(cudaRuntimeGetVersion(&version) == cudaSuccess);
  CHECK(version == CUDART_VERSION);
}

TEST_CASE("errors have names and texts") {
  CHECK(std::string(cudaGetErrorName(cudaErrorInvalidValue)) == "cudaErrorInvalidValue");
  CHECK(std::string(cudaGetErrorString(cudaErrorInvalidValue)) == "invalid argument");
  CHECK(std::string(cudaGetErrorString(cudaErrorStreamCaptureUnsupported)) ==
        "operation not permitted when stream is capturing");
}

// ----------------------------------------------------------------- the environment
// Runs one test case of this program with another environment; true if it passed.
static bool passes(const std::string& environment, const std::string& test_case) {
  char program[4096] = {};
  REQUIRE(readlink("/proc/self/exe", program, sizeof program - 1) > 0);
  const std::string command =
      "env " + environment + " '" + program + "' '" + test_case + "' > /dev/null 2>&1";
  return std::system(command.c_str()) == 0;
}

// Judges this process by what SIMT_EXPECT says, or by the environment itself.
TEST_CASE("the harness obeys its environment") {
  const char* expected_order = std::getenv("SIMT_EXPECT_ORDER");
  const char* asked = std::getenv("SIMT_SCHED");
  const std::string order = expected_order ? expected_order : asked ? asked : "fwd";
  CHECK(simt::order() == (order == "fwd" ? 0 : order == "rev" ? -1 : std::atoi(order.c_str())));
  CHECK(simt::lazy() == (std::getenv("SIMT_LAZY") != nullptr));
  CHECK(simt::guarded() == (std::getenv("SIMT_GUARD") != nullptr));
  if (const char* limit = std::getenv("SIMT_MALLOC_LIMIT")) {
    std::size_t free_bytes = 0;
    std::size_t total = 0;
    CHECK(cudaMemGetInfo(&free_bytes, &total) == cudaSuccess);
    CHECK(total == std::size_t(std::atoll(limit)));
  }
  int count = -1;
  const bool absent = std::getenv("SIMT_NO_DEVICE") != nullptr;
  CHECK(cudaGetDeviceCount(&count) == (absent ? cudaErrorInsufficientDriver : cudaSuccess));
  CHECK(count == (absent ? 0 : 1));
  (void)cudaGetLastError();
}

TEST_CASE("every setting of the environment is read") {
  const std::string test = "the harness obeys its environment";
  CHECK(passes("SIMT_SCHED=rev", test));
  CHECK(passes("SIMT_SCHED=17", test));
  CHECK(passes("SIMT_SCHED=fwd SIMT_LAZY=1", test));
  CHECK(passes("SIMT_GUARD=1", test));
  CHECK(passes("SIMT_NO_DEVICE=1", test));
  CHECK(passes("SIMT_MALLOC_LIMIT=1000000", test));
  CHECK_FALSE(passes("SIMT_SCHED=rev SIMT_EXPECT_ORDER=fwd", test));
}
