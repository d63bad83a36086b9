// SPDX-License-Identifier: MIT
// Device memory for kernel tests, with guard cells around it. Only the CUDA runtime is used, so the
// same tests run on a GPU and on the host harness.
#pragma once

#include <cstddef>
#include <cstring>
#include <utility>
#include <vector>

#include <cuda_runtime_api.h>

#include "catch.h"
#include "kernels/scratch.h"

namespace dropmuon::kernels {

inline void require_ok(cudaError_t error) {
  INFO(cudaGetErrorString(error));
  REQUIRE(error == cudaSuccess);
}

inline cudaStream_t test_stream() {
  static const cudaStream_t stream = [] {
    cudaStream_t created = nullptr;
    require_ok(cudaStreamCreateWithFlags(&created, cudaStreamNonBlocking));
    return created;
  }();
  return stream;
}

inline void wait() { require_ok(cudaStreamSynchronize(test_stream())); }

// The kernel's launch was accepted and it has run to its end.
inline void finish(cudaError_t launched) {
  require_ok(launched);
  wait();
}

// A pointer is 16-byte aligned unless an offset in elements says otherwise.
template <typename T>
class DeviceArray {
 public:
  // All bits set: NaN as floats.
  explicit DeviceArray(std::size_t size, std::size_t offset = 0)
      : size_(size), begin_(kGuard + offset * sizeof(T)), shadow_(begin_ + bytes() + kGuard, 0xa5) {
    std::memset(shadow_.data() + begin_, 0xff, bytes());
    require_ok(cudaMalloc(&memory_, shadow_.size()));
    send();
  }
  explicit DeviceArray(const std::vector<T>& values, std::size_t offset = 0)
      : DeviceArray(values.size(), offset) {
    if (!values.empty()) std::memcpy(shadow_.data() + begin_, values.data(), bytes());
    send();
  }
  ~DeviceArray() { cudaFree(memory_); }
  DeviceArray(DeviceArray&& other) noexcept
      : size_(other.size_),
        begin_(other.begin_),
        shadow_(std::move(other.shadow_)),
        memory_(std::exchange(other.memory_, nullptr)) {}
  DeviceArray& operator=(DeviceArray&&) = delete;

  std::size_t size() const { return size_; }
  T* get() const { return reinterpret_cast<T*>(static_cast<unsigned char*>(memory_) + begin_); }

  // The values; fails the test if a guard cell has changed.
  std::vector<T> host() const {
    std::vector<unsigned char> found(shadow_.size());
    require_ok(cudaMemcpyAsync(found.data(), memory_, found.size(), cudaMemcpyDeviceToHost,
                               test_stream()));
    wait();
    bool intact = true;
    for (std::size_t i = 0; i < found.size(); ++i) {
      const bool guard = i < begin_ || i >= begin_ + bytes();
      intact = intact && (!guard || found[i] == 0xa5);
    }
    INFO("guard cells of an array of " << size_);
    REQUIRE(intact);
    std::vector<T> values(size_);
    if (size_ > 0) std::memcpy(values.data(), found.data() + begin_, bytes());
    return values;
  }

 private:
  static constexpr std::size_t kGuard = 256;
  std::size_t bytes() const { return size_ * sizeof(T); }
  void send() {
    require_ok(cudaMemcpyAsync(memory_, shadow_.data(), shadow_.size(), cudaMemcpyHostToDevice,
                               test_stream()));
    wait();
  }

  std::size_t size_;
  std::size_t begin_;
  std::vector<unsigned char> shadow_;
  void* memory_ = nullptr;
};

// NaN-filled floats and one counter; the guard cells show who takes more.
class TestScratch {
 public:
  explicit TestScratch(std::size_t floats) : floats_(floats), counters_(std::vector<unsigned>{0}) {}
  Scratch get() const { return {floats_.get(), floats_.size(), counters_.get(), 1}; }
  // The counter is zero again and nothing beyond the scratch was written.
  bool clean() const {
    floats_.host();
    return counters_.host() == std::vector<unsigned>{0};
  }

 private:
  DeviceArray<float> floats_;
  DeviceArray<unsigned> counters_;
};

// memcmp: NaN equals NaN, -0 differs from 0.
template <typename T>
bool same_bytes(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

}  // namespace dropmuon::kernels
