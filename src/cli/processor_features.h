// SPDX-License-Identifier: MIT
// What the program was compiled to need of a processor. The list is made where the rest of the
// program is compiled, and read where nothing is taken for granted (startup.cpp): the functions
// here are static, so that each of the two has its own.
#pragma once

#include <cstdint>

namespace dropmuon {

// Of CPUID's answer, or of XCR0: the registers that the system saves for each thread. A processor
// can have more than its system saves, under a hypervisor or a kernel told so; their instructions
// are illegal then.
enum class Register { ebx, ecx, edx, xcr0 };

// All `bits` of a register of CPUID's answer to (leaf, subleaf), which do not matter for XCR0.
struct ProcessorFeature {
  const char* name;
  unsigned leaf;
  unsigned subleaf;
  Register where;
  std::uint32_t bits;
};

extern const ProcessorFeature kNeededFeatures[];  // ends with a null name

// How a processor is asked. `cpuid` leaves its answer alone for a leaf that there is not.
struct CpuidAnswer {
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
};
struct Processor {
  void (*cpuid)(unsigned leaf, unsigned subleaf, CpuidAnswer& answer);
  std::uint32_t (*xcr0)();  // only asked where CPUID says that it may be (OSXSAVE)
};

[[maybe_unused]] static bool has(const Processor& processor, const ProcessorFeature& feature) {
  CpuidAnswer answer;
  std::uint32_t word = 0;
  if (feature.where == Register::xcr0) {
    constexpr std::uint32_t kOsxsave = 1U << 27;
    processor.cpuid(1, 0, answer);
    if ((answer.ecx & kOsxsave) != 0) word = processor.xcr0();
  } else {
    processor.cpuid(feature.leaf, feature.subleaf, answer);
    word = feature.where == Register::ebx   ? answer.ebx
           : feature.where == Register::ecx ? answer.ecx
                                            : answer.edx;
  }
  return (word & feature.bits) == feature.bits;
}

}  // namespace dropmuon
