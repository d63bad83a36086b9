// SPDX-License-Identifier: MIT
// What the program was compiled to need of a processor. The list is made where the rest of the
// program is compiled, and read where nothing is taken for granted (startup.cpp).
#pragma once

#include <cstddef>

namespace dropmuon {

enum class Register { ebx, ecx, edx };

// Bit `bit` of a register of CPUID's answer to (leaf, subleaf).
struct ProcessorFeature {
  const char* name;
  unsigned leaf;
  unsigned subleaf;
  Register where;
  unsigned bit;
};

extern const ProcessorFeature kNeededFeatures[];  // ends with a null name

}  // namespace dropmuon
