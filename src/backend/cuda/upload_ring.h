// SPDX-License-Identifier: MIT
// Small uploads that never wait for the device: the bytes are copied to a slot of pinned memory and
// sent from there, so the caller may overwrite its own at once.
#pragma once

#include <cstddef>
#include <vector>

#include "handle.h"

namespace dropmuon::cuda {

using PinnedMemory = Handle<void*, &cudaFreeHost>;

class UploadRing {
 public:
  UploadRing();
  // After everything enqueued on `stream` before it. Waits only when all slots are in flight, which
  // keeps the host at most some 20 steps ahead of the device.
  void upload(void* device, const void* host, std::size_t bytes, cudaStream_t stream);

 private:
  struct Slot {
    Event sent;
    bool in_flight = false;
  };
  PinnedMemory memory_;
  std::vector<Slot> slots_;
  std::size_t next_ = 0;
};

}  // namespace dropmuon::cuda
