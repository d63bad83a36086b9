// SPDX-License-Identifier: MIT
// glibc's cpu_set_t ends at 1024 processors, the kernel's masks do not.
#include <algorithm>
#include <cerrno>
#include <climits>

#include <sched.h>

#include <dropmuon/core/processors.h>

namespace dropmuon {
namespace {

constexpr std::size_t kBits = sizeof(unsigned long) * CHAR_BIT;

}  // namespace

std::vector<int> allowed_processors() {
  constexpr std::size_t kLargest = std::size_t{1} << 16;  // bits
  std::vector<int> processors;
  for (std::size_t bits = CPU_SETSIZE; bits <= kLargest && processors.empty(); bits *= 2) {
    std::vector<unsigned long> words(bits / kBits);
    auto* mask = reinterpret_cast<cpu_set_t*>(words.data());
    if (sched_getaffinity(0, bits / CHAR_BIT, mask) != 0) {
      if (errno == EINVAL) continue;  // the kernel's is longer
      break;
    }
    for (std::size_t i = 0; i < bits; ++i) {
      if ((words[i / kBits] >> (i % kBits) & 1UL) != 0) processors.push_back(static_cast<int>(i));
    }
  }
  if (processors.empty()) processors.push_back(0);  // something runs this
  return processors;
}

ProcessorSet::ProcessorSet(const std::vector<int>& processors) : words_(CPU_SETSIZE / kBits) {
  for (const int processor : processors) {
    const auto i = static_cast<std::size_t>(processor);
    words_.resize(std::max(words_.size(), i / kBits + 1));
    words_[i / kBits] |= 1UL << (i % kBits);
  }
}

bool ProcessorSet::confine() const noexcept {
  const auto* mask = reinterpret_cast<const cpu_set_t*>(words_.data());
  return sched_setaffinity(0, words_.size() * sizeof(unsigned long), mask) == 0;
}

}  // namespace dropmuon
