// SPDX-License-Identifier: MIT
// What the start of the program finds missing, of processors and systems that are made up.
#include "cli/processor_features.h"

#include <string>
#include <vector>

#include "catch.h"

using namespace dropmuon;

namespace {

constexpr std::uint32_t kOsxsave = 1U << 27;

void all(unsigned, unsigned, CpuidAnswer& answer) { answer = {~0U, ~0U, ~0U}; }
void all_but_osxsave(unsigned, unsigned, CpuidAnswer& answer) { answer = {~0U, ~kOsxsave, ~0U}; }
void none(unsigned, unsigned, CpuidAnswer&) {}

std::uint32_t saved = 0;
int asked = 0;
std::uint32_t xcr0() {
  ++asked;
  return saved;
}

std::vector<std::string> missing(const Processor& processor, std::uint32_t saved_registers) {
  saved = saved_registers;
  asked = 0;
  std::vector<std::string> names;
  for (const ProcessorFeature* each = kNeededFeatures; each->name != nullptr; ++each) {
    if (!has(processor, *each)) names.emplace_back(each->name);
  }
  return names;
}

using Names = std::vector<std::string>;

// Of the features that this build needs.
#ifdef __AVX512F__
const Names kOfAvx512 = {"avx512 registers that the system saves"};
#else
const Names kOfAvx512;
#endif
#ifdef __AVX__
const Names kOfAvx = {"avx registers that the system saves"};
#else
const Names kOfAvx;
#endif

Names both() {
  Names names = kOfAvx;
  names.insert(names.end(), kOfAvx512.begin(), kOfAvx512.end());
  return names;
}

}  // namespace

TEST_CASE("registers that the system does not save are missing, whatever the processor has") {
  const Processor whole{.cpuid = all, .xcr0 = xcr0};
  CHECK(missing(whole, 0xE7).empty());
  CHECK(missing(whole, 0x602E7).empty());    // AMX and protection keys too
  CHECK(missing(whole, 0x07) == kOfAvx512);  // as with clearcpuid or noavx512
  CHECK(missing(whole, 0x67) == kOfAvx512);  // a part of AVX-512 is none
  CHECK(missing(whole, 0x03) == both());     // a hypervisor without AVX
  CHECK(missing(whole, 0xE5) == both());
}

TEST_CASE("XCR0 is only asked where the system says that it may be") {
  CHECK(missing({.cpuid = all_but_osxsave, .xcr0 = xcr0}, 0xE7).size() >= both().size());
  CHECK(asked == 0);  // it would be an illegal instruction
  missing({.cpuid = none, .xcr0 = xcr0}, 0xE7);
  CHECK(asked == 0);
}
