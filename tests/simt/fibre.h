// SPDX-License-Identifier: MIT
// Fibres: stacks that one host thread switches between. 20 lines of x86-64 assembly, or ucontext
// (five times slower: a system call per switch) with -DSIMT_UCONTEXT.
#pragma once

#include <cstddef>
#if defined(SIMT_UCONTEXT)
#include <ucontext.h>
#endif

#if defined(__SANITIZE_ADDRESS__)
#define SIMT_ASAN 1
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#else
#define SIMT_ASAN 0
#endif

namespace simt {

struct Fibre {
#if defined(SIMT_UCONTEXT)
  ucontext_t context;
#else
  void* stack_pointer = nullptr;
#endif
  char* stack = nullptr;  // null: the host thread's own stack
  const void* stack_bottom = nullptr;
  std::size_t stack_size = 0;
  void* fake_stack = nullptr;
};

extern Fibre host_fibre;

// Makes the fibre (again) ready to run `body` from its beginning; `body` never returns.
void prepare(Fibre& fibre, void (*body)());
void switch_fibre(Fibre& from, Fibre& to);

inline void poison([[maybe_unused]] void* memory, [[maybe_unused]] std::size_t bytes) {
#if SIMT_ASAN
  __asan_poison_memory_region(memory, bytes);
#endif
}
inline void unpoison([[maybe_unused]] void* memory, [[maybe_unused]] std::size_t bytes) {
#if SIMT_ASAN
  __asan_unpoison_memory_region(memory, bytes);
#endif
}

}  // namespace simt
