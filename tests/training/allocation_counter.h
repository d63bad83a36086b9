// SPDX-License-Identifier: MIT
// What this program's own code takes from the host's heap. A program with this in it has its own
// operator new and delete.
#pragma once

#include <string>
#include <vector>

namespace dropmuon {

// Counts from its making until stop(), one at a time. An allocation is ours if our code asked for
// it, by itself or through the standard library. What other libraries take for themselves is not,
// and neither is anything below a call of the host harness (tests/simt), which stands for a GPU.
class AllocationCounter {
 public:
  static bool works();  // not under a sanitizer with an operator new of its own
  AllocationCounter();
  ~AllocationCounter() { stop(); }
  AllocationCounter(const AllocationCounter&) = delete;
  AllocationCounter& operator=(const AllocationCounter&) = delete;

  // The function that asked, for each allocation; of very many only the first.
  std::vector<std::string> stop();
};

}  // namespace dropmuon
