// SPDX-License-Identifier: MIT
// The processors that a thread may run on, by their numbers, however many the machine has.
#pragma once

#include <cstddef>
#include <vector>

namespace dropmuon {

// Those of the calling thread, ascending. Never empty.
std::vector<int> allowed_processors();

// A set that a process can be confined to between fork() and exec(): made before, with memory of
// its own, so that confine() does nothing but a system call.
class ProcessorSet {
 public:
  explicit ProcessorSet(const std::vector<int>& processors);
  // Whether it was granted; else errno says why.
  bool confine() const noexcept;

 private:
  std::vector<unsigned long> words_;  // as the kernel has it: bit i of all is processor i
};

}  // namespace dropmuon
