// SPDX-License-Identifier: MIT
// Device memory that operations borrow in turn. It grows while a network is prepared and never
// inside a step.
#pragma once

#include <cstddef>

#include "handle.h"

namespace dropmuon::cuda {

using DeviceMemory = Handle<void*, &cudaFree>;

// cudaMalloc, with a message that helps when memory runs out.
DeviceMemory allocate_device_memory(std::size_t bytes);

class StepRecorder;

class Workspace {
 public:
  // Recordings hold the address, so growing forgets them.
  explicit Workspace(StepRecorder& recorder) : recorder_(recorder) {}
  void reserve(std::size_t bytes);
  void* data() const { return memory_.get(); }
  std::size_t size() const { return size_; }

 private:
  StepRecorder& recorder_;
  DeviceMemory memory_;
  std::size_t size_ = 0;
};

}  // namespace dropmuon::cuda
