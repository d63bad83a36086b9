// SPDX-License-Identifier: MIT
// Wrong kernels are caught, and the report names the place.
#include <cmath>

#include "selftest.h"

using namespace selftest;

// Runs the faulty kernel on 1024 floats of value 0 and returns the report.
static std::string report_of(Fault fault) {
  const Harness harness;
  const Device<float> out(std::vector<float>(1024, 0.0f));
  REQUIRE(faulty(fault, out, 1, harness.stream) == cudaSuccess);
  CHECK(harness.finish() == cudaErrorLaunchFailure);
  CHECK(std::string(cudaGetErrorString(cudaErrorLaunchFailure)) == simt::report());
  const std::string report = simt::report();
  simt::reset();
  return report;
}

TEST_CASE("threads that miss a barrier") {
  CHECK(contains(report_of(Fault::early_return), "__syncthreads"));
  CHECK(contains(report_of(Fault::early_return), "selftest_kernels.cu"));
  CHECK(contains(report_of(Fault::early_return), "meeting_faults"));
  CHECK(contains(report_of(Fault::two_barriers), "while others wait"));
}

TEST_CASE("lanes that miss a shuffle") {
  CHECK(contains(report_of(Fault::half_a_shuffle), "warp collective"));
  CHECK(contains(report_of(Fault::exited_lane), "collective"));
  CHECK(contains(report_of(Fault::own_lane_missing), "own lane"));
}

TEST_CASE("wrong matrix tiles") {
  CHECK(contains(report_of(Fault::misaligned_tile), "32-byte aligned"));
  CHECK(contains(report_of(Fault::narrow_tile), "smaller than the tile"));
  CHECK(contains(report_of(Fault::different_tiles), "different pointers"));
}

TEST_CASE("dynamic shared memory that was not asked for") {
  CHECK(contains(report_of(Fault::no_dynamic_memory), "0 bytes"));
}

TEST_CASE("unset memory is NaN") {
  const Harness harness;
  const Device<float> out(64);
  for (const float value : out.host()) CHECK(std::isnan(value));
  const Device<float> result(std::vector<float>(64, 0.0f));
  REQUIRE(faulty(Fault::unset_shared, result, 1, harness.stream) == cudaSuccess);
  REQUIRE(harness.finish() == cudaSuccess);
  for (const float value : result.host()) CHECK(std::isnan(value));
}

TEST_CASE("an error sticks until reset") {
  const Harness harness;
  const Device<float> out(std::vector<float>(64, 0.0f));
  REQUIRE(faulty(Fault::early_return, out, 1, harness.stream) == cudaSuccess);
  REQUIRE(harness.finish() == cudaErrorLaunchFailure);
  CHECK(scale(out, 2.0f, 64, harness.stream) == cudaErrorLaunchFailure);
  CHECK(cudaGetLastError() == cudaErrorLaunchFailure);
  CHECK(cudaGetLastError() == cudaErrorLaunchFailure);
  void* memory = nullptr;
  CHECK(cudaMalloc(&memory, 8) == cudaErrorLaunchFailure);
  simt::reset();
  CHECK(simt::report().empty());
  CHECK(scale(out, 2.0f, 64, harness.stream) == cudaSuccess);
  CHECK(harness.finish() == cudaSuccess);
}

#if !defined(SIMT_RACE_BUILD)
// Without the detector a race shows as a wrong result in one order or another.
TEST_CASE("a missing barrier gives NaN in a plain build") {
  const Harness harness;
  simt::set_order(0);
  const Device<float> out(std::vector<float>(64, 0.0f));
  REQUIRE(faulty(Fault::missing_barrier, out, 1, harness.stream) == cudaSuccess);
  REQUIRE(harness.finish() == cudaSuccess);
  CHECK(std::isnan(out.host()[0]));
}
#endif

#if defined(__SANITIZE_ADDRESS__)
static bool faulty_survives(Fault fault, int step) {
  const Harness harness;
  const Device<float> out(std::vector<float>(64, 0.0f));
  return survives([&] {
    simt::set_order(0);
    (void)faulty(fault, out, step, harness.stream);
    if (harness.finish() != cudaSuccess) _exit(3);
  });
}

TEST_CASE("AddressSanitizer sees an overrun of shared and of device memory") {
  CHECK_FALSE(faulty_survives(Fault::shared_overrun, 1));
  CHECK_FALSE(faulty_survives(Fault::global_overrun, 1));
  CHECK(faulty_survives(Fault::global_overrun, 0));
  CHECK(faulty_survives(Fault::shared_overrun, 0));
}
#endif
