// SPDX-License-Identifier: MIT
#include "simt/fibre.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <sys/mman.h>

#if !defined(SIMT_UCONTEXT)
#if !defined(__x86_64__)
#error "build with -DSIMT_UCONTEXT on this machine"
#endif
// Saves the callee-saved registers and the floating-point control words, swaps stacks, restores.
extern "C" void simt_swap(void** save, void* load);
asm(R"(
.text
.globl simt_swap
.type simt_swap,@function
simt_swap:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  subq $8, %rsp
  stmxcsr (%rsp)
  fnstcw 4(%rsp)
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  ldmxcsr (%rsp)
  fldcw 4(%rsp)
  addq $8, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size simt_swap,.-simt_swap
)");
#endif

namespace simt {

Fibre host_fibre;

namespace {

constexpr std::size_t kStackBytes = SIMT_ASAN ? 256 << 10 : 64 << 10;
constexpr std::size_t kPage = 4096;

Fibre* switched_from;
void (*fibre_body)();

void switch_done([[maybe_unused]] void* fake_stack) {
#if SIMT_ASAN
  const void* bottom;
  std::size_t size;
  __sanitizer_finish_switch_fiber(fake_stack, &bottom, &size);
  if (switched_from == &host_fibre) {
    host_fibre.stack_bottom = bottom;
    host_fibre.stack_size = size;
  }
#endif
}

void trampoline() {
  switch_done(nullptr);
  fibre_body();
  std::abort();
}

}  // namespace

void switch_fibre(Fibre& from, Fibre& to) {
  switched_from = &from;
#if SIMT_ASAN
  __sanitizer_start_switch_fiber(&from.fake_stack, to.stack ? to.stack : to.stack_bottom,
                                 to.stack ? kStackBytes : to.stack_size);
#endif
#if defined(SIMT_UCONTEXT)
  swapcontext(&from.context, &to.context);
#else
  simt_swap(&from.stack_pointer, to.stack_pointer);
#endif
  switch_done(from.fake_stack);
}

void prepare(Fibre& fibre, void (*body)()) {
  fibre_body = body;
  if (!fibre.stack) {
    void* pages = mmap(nullptr, kStackBytes + kPage, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (pages == MAP_FAILED) {
      std::perror("simt: no memory for a fibre stack");
      std::abort();
    }
    mprotect(pages, kPage, PROT_NONE);  // a kernel that overflows its stack faults
    fibre.stack = static_cast<char*>(pages) + kPage;
  }
  unpoison(fibre.stack, kStackBytes);  // what abandoned frames left behind
#if defined(SIMT_UCONTEXT)
  getcontext(&fibre.context);
  fibre.context.uc_stack = {fibre.stack, 0, kStackBytes};
  fibre.context.uc_link = nullptr;
  makecontext(&fibre.context, trampoline, 0);
#else
  auto** top = reinterpret_cast<void**>(fibre.stack + kStackBytes);
  *--top = nullptr;  // keeps the stack 16-byte aligned at entry
  *--top = reinterpret_cast<void*>(&trampoline);
  for (int i = 0; i < 6; ++i) *--top = nullptr;  // rbp rbx r12 r13 r14 r15
  --top;
  const unsigned mxcsr = 0x1f80;
  const unsigned short control_word = 0x37f;
  std::memcpy(top, &mxcsr, sizeof mxcsr);
  std::memcpy(reinterpret_cast<char*>(top) + 4, &control_word, sizeof control_word);
  fibre.stack_pointer = top;
#endif
}

}  // namespace simt
