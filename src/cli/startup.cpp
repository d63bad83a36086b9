// SPDX-License-Identifier: MIT
// What must happen before everything else, the constructors of shared libraries included: a word
// instead of SIGILL on a processor that the program was not built for, and a start with bounded
// spinning, which the OpenMP runtime reads in its constructor. The functions of .preinit_array come
// first of all. This file is compiled for the baseline processor and without sanitizers, and calls
// the kernel only: the C library is not set up yet.
//
// Why the program starts itself anew instead of waiting on its own: the threads are GCC's OpenMP
// runtime's, because oneDNN's are; it has no call for this, and its environment is its interface.
#include <cstring>

#include <alloca.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "processor_features.h"
#include <dropmuon/core/waiting.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace dropmuon {
namespace {

void write_text(const char* text) {
  [[maybe_unused]] const long written = syscall(SYS_write, STDERR_FILENO, text, strlen(text));
}

#if defined(__x86_64__)
bool has(const ProcessorFeature& feature) {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  if (__get_cpuid_count(feature.leaf, feature.subleaf, &eax, &ebx, &ecx, &edx) == 0) return false;
  const unsigned word = feature.where == Register::ebx   ? ebx
                        : feature.where == Register::ecx ? ecx
                                                         : edx;
  return (word >> feature.bit & 1U) != 0;
}

void check_processor() {
  constexpr int kNoDevice = 69;  // ExitCode::no_device, whose header is not for this file
  constexpr int kNamed = 3;
  int missing = 0;
  for (const ProcessorFeature* each = kNeededFeatures; each->name != nullptr; ++each) {
    if (has(*each) || ++missing > kNamed) continue;
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

bool is_set(char** environment, const char* name) {
  const std::size_t length = strlen(name);
  for (char** entry = environment; *entry != nullptr; ++entry) {
    if (strncmp(*entry, name, length) == 0 && (*entry)[length] == '=') return true;
  }
  return false;
}

// Does nothing where the user said how to wait, or where it cannot be done: it costs time only. A
// base of 0 is that of a program which the loader did not load: it was named on the loader's
// command line.
void bound_spinning(char** arguments, char** environment) {
  if (is_set(environment, "OMP_WAIT_POLICY") || is_set(environment, "GOMP_SPINCOUNT")) return;
  const auto* program = reinterpret_cast<const char*>(getauxval(AT_EXECFN));
  if (program == nullptr || getauxval(AT_BASE) == 0) return;
  std::size_t count = 0;
  while (environment[count] != nullptr) ++count;
  auto** extended = static_cast<char**>(alloca((count + 2) * sizeof(char*)));
  memcpy(extended, environment, count * sizeof(char*));
  extended[count] = const_cast<char*>(kBoundedSpinning);
  extended[count + 1] = nullptr;
  syscall(SYS_execve, program, arguments, extended);
}

void before_everything(int /*count*/, char** arguments, char** environment) {
  check_processor();
  bound_spinning(arguments, environment);
}

[[gnu::section(".preinit_array"),
  gnu::used]] void (*const kBeforeEverything)(int, char**, char**) = before_everything;

}  // namespace
}  // namespace dropmuon
