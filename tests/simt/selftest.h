// SPDX-License-Identifier: MIT
// What the harness' own tests share.
#pragma once

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include <cuda_runtime_api.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "catch.h"
#include "simt/selftest_kernels.h"
#include "simt/simt.h"

namespace selftest {

// Device memory with a copy to and from vectors.
template <typename T>
class Device {
 public:
  explicit Device(std::size_t count) : count_(count) {
    REQUIRE(cudaMalloc(reinterpret_cast<void**>(&data_), count * sizeof(T)) == cudaSuccess);
  }
  explicit Device(const std::vector<T>& values) : Device(values.size()) {
    REQUIRE(cudaMemcpy(data_, values.data(), count_ * sizeof(T), cudaMemcpyHostToDevice) ==
            cudaSuccess);
  }
  ~Device() { cudaFree(data_); }
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  T* get() const { return data_; }
  operator T*() const { return data_; }  // NOLINT: as handy as a raw pointer
  std::vector<T> host() const {
    std::vector<T> values(count_);
    CHECK(cudaMemcpy(values.data(), data_, count_ * sizeof(T), cudaMemcpyDeviceToHost) ==
          cudaSuccess);
    return values;
  }

 private:
  T* data_ = nullptr;
  std::size_t count_;
};

// A stream, and a harness without errors and with the settings of the environment afterwards.
class Harness {
 public:
  Harness() : order_(simt::order()), lazy_(simt::lazy()), guarded_(simt::guarded()) {
    REQUIRE(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess);
  }
  ~Harness() {
    simt::reset();
    simt::set_order(order_);
    simt::set_lazy(lazy_);
    simt::set_guard(guarded_);
    simt::set_malloc_limit(0);
    cudaStreamDestroy(stream);
  }
  cudaError_t finish() const { return cudaStreamSynchronize(stream); }

  cudaStream_t stream = nullptr;

 private:
  int order_;
  bool lazy_;
  bool guarded_;
};

inline std::vector<float> random_values(std::size_t count, unsigned seed) {
  std::mt19937 source(seed);
  std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
  std::vector<float> values(count);
  for (float& value : values) value = uniform(source);
  return values;
}

// Largest difference; NaN counts as infinite.
inline double difference(const std::vector<float>& found, const std::vector<float>& expected) {
  REQUIRE(found.size() == expected.size());
  double largest = 0.0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double d = std::fabs(double(found[i]) - double(expected[i]));
    if (!(d <= largest)) largest = std::isnan(d) ? INFINITY : d;
  }
  return largest;
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Does `body` survive in a child process of its own?
template <typename Body>
bool survives(Body body) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    for (const int signal : {SIGSEGV, SIGABRT, SIGBUS}) ::signal(signal, SIG_DFL);
    if (!std::freopen("/dev/null", "w", stderr)) _exit(2);
    body();
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace selftest
