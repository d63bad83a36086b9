// SPDX-License-Identifier: MIT
// Race detection without libtsan: kernel files are compiled with -fsanitize=thread, and the calls
// the compiler puts before each memory access land here. Link WITHOUT -fsanitize=thread.
#include <cstddef>
#include <cstring>

#include "simt/device_entry.h"
#include "simt/simt.h"

using simt::Access;
using simt::touch;

namespace {
[[maybe_unused]] const bool enabled = [] {
  simt::enable_race_detector();
  return true;
}();
}  // namespace

extern "C" {

// Volatile accesses count as plain ones: only atomics order anything.
#define SIMT_HOOKS(n)                                                            \
  void __tsan_read##n(void* p) { touch(p, n, Access::read); }                    \
  void __tsan_write##n(void* p) { touch(p, n, Access::write); }                  \
  void __tsan_unaligned_read##n(void* p) { touch(p, n, Access::read); }          \
  void __tsan_unaligned_write##n(void* p) { touch(p, n, Access::write); }        \
  void __tsan_volatile_read##n(void* p) { touch(p, n, Access::read); }           \
  void __tsan_volatile_write##n(void* p) { touch(p, n, Access::write); }         \
  void __tsan_read_write##n(void* p) { touch(p, n, Access::write); }             \
  void __tsan_unaligned_volatile_read##n(void* p) { touch(p, n, Access::read); } \
  void __tsan_unaligned_volatile_write##n(void* p) { touch(p, n, Access::write); }
SIMT_HOOKS(1)
SIMT_HOOKS(2)
SIMT_HOOKS(4)
SIMT_HOOKS(8)
SIMT_HOOKS(16)
#undef SIMT_HOOKS

void __tsan_read_range(void* p, std::size_t bytes) { touch(p, bytes, Access::read); }
void __tsan_write_range(void* p, std::size_t bytes) { touch(p, bytes, Access::write); }
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_init() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}

void* __tsan_memcpy(void* to, const void* from, std::size_t bytes) {
  touch(from, bytes, Access::read);
  touch(to, bytes, Access::write);
  return std::memcpy(to, from, bytes);
}
void* __tsan_memset(void* to, int value, std::size_t bytes) {
  touch(to, bytes, Access::write);
  return std::memset(to, value, bytes);
}
void* __tsan_memmove(void* to, const void* from, std::size_t bytes) {
  touch(from, bytes, Access::read);
  touch(to, bytes, Access::write);
  return std::memmove(to, from, bytes);
}

}  // extern "C"
