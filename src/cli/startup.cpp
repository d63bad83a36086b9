// SPDX-License-Identifier: MIT
// What must happen before everything else, the constructors of shared libraries included: a word
// instead of SIGILL on a processor that the program was not built for. The functions of
// .preinit_array come first of all. This file is compiled for the baseline processor and without
// sanitizers, and calls the kernel only: the C library is not set up yet.
#include <cstring>

#include <sys/syscall.h>
#include <unistd.h>

#include "processor_features.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace dropmuon {
namespace {

void write_text(const char* text) {
  [[maybe_unused]] const long written = syscall(SYS_write, STDERR_FILENO, text, strlen(text));
}

#if defined(__x86_64__)
void ask_cpuid(unsigned leaf, unsigned subleaf, CpuidAnswer& answer) {
  unsigned eax = 0;
  CpuidAnswer found;
  const int known = __get_cpuid_count(leaf, subleaf, &eax, &found.ebx, &found.ecx, &found.edx);
  if (known != 0) answer = found;
}

// As text, because its intrinsic is only there where the compiler may use XSAVE.
std::uint32_t ask_xcr0() {
  std::uint32_t low = 0;
  std::uint32_t high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

void check_processor() {
  constexpr int kNoDevice = 69;  // ExitCode::no_device, whose header is not for this file
  constexpr int kNamed = 3;
  constexpr Processor kThisOne = {.cpuid = ask_cpuid, .xcr0 = ask_xcr0};
  int missing = 0;
  for (const ProcessorFeature* each = kNeededFeatures; each->name != nullptr; ++each) {
    if (has(kThisOne, *each) || ++missing > kNamed) continue;
    write_text(missing == 1 ? "dropmuon: this processor has no " : ", ");
    write_text(each->name);
  }
  if (missing == 0) return;
  write_text(missing > kNamed ? " and more" : "");
  write_text(", for which the program was built; build it here, or with -DDROPMUON_NATIVE=OFF\n");
  syscall(SYS_exit_group, kNoDevice);
}
#else
void check_processor() {}
#endif

[[gnu::section(".preinit_array"), gnu::used]] void (*const kBeforeEverything)() = check_processor;

}  // namespace
}  // namespace dropmuon
