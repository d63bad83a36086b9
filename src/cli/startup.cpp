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

// The value, if `entry` is "NAME=VALUE" with this name; else null.
const char* value_in(const char* entry, const char* name) {
  const std::size_t length = strlen(name);
  return strncmp(entry, name, length) == 0 && entry[length] == '=' ? entry + length + 1 : nullptr;
}

// What an entry of the environment says of waiting.
enum class Says { nothing, how_to_wait, nonsense };

Says what_is_said(const char* entry) {
  if (const char* policy = value_in(entry, "OMP_WAIT_POLICY")) {
    return is_wait_policy(policy) ? Says::how_to_wait : Says::nonsense;
  }
  if (const char* spins = value_in(entry, "GOMP_SPINCOUNT")) {
    return spins_of(spins) == Spins::not_understood ? Says::nonsense : Says::how_to_wait;
  }
  return Says::nothing;
}

// An empty value is what scripts write for none.
void tell_of_nonsense(const char* entry) {
  const char* value = strchr(entry, '=') + 1;
  if (*after_blanks(value) == '\0') return;
  write_text("dropmuon: warning: ");
  write_text(entry);
  write_text(" is not understood by the OpenMP runtime and has no effect\n");
}

// Does nothing where the user said how to wait, or where it cannot be done: it costs time only.
// What the runtime would not understand is no word of the user's, and is left out. A base of 0 is
// that of a program which the loader did not load: it was named on the loader's command line.
void bound_spinning(char** arguments, char** environment) {
  const auto* program = reinterpret_cast<const char*>(getauxval(AT_EXECFN));
  if (program == nullptr || getauxval(AT_BASE) == 0) return;
  std::size_t count = 0;
  while (environment[count] != nullptr) {
    if (what_is_said(environment[count++]) == Says::how_to_wait) return;
  }
  auto** changed = static_cast<char**>(alloca((count + 2) * sizeof(char*)));
  std::size_t kept = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (what_is_said(environment[i]) == Says::nothing) {
      changed[kept++] = environment[i];
    } else {
      tell_of_nonsense(environment[i]);
    }
  }
  changed[kept++] = const_cast<char*>(kBoundedSpinning);
  changed[kept] = nullptr;
  syscall(SYS_execve, program, arguments, changed);
}

void before_everything(int /*count*/, char** arguments, char** environment) {
  check_processor();
  bound_spinning(arguments, environment);
}

[[gnu::section(".preinit_array"),
  gnu::used]] void (*const kBeforeEverything)(int, char**, char**) = before_everything;

}  // namespace
}  // namespace dropmuon
