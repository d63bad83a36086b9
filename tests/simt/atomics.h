// SPDX-License-Identifier: MIT
// Atomics. Fibres never pre-empt each other, so plain arithmetic is atomic; only the race detector
// needs to be told.
#pragma once

#include <type_traits>

#include "simt/device_entry.h"

namespace simt {

template <typename T, typename F>
__attribute__((no_sanitize("thread"))) T read_modify_write(T* address, F change) {
  touch(address, sizeof(T), Access::atomic);
  const T old = *address;
  *address = change(old);
  return old;
}

// The types for which the hardware has an addition.
template <typename T>
concept Addable = std::is_same_v<T, int> || std::is_same_v<T, unsigned> ||
    std::is_same_v<T, unsigned long long> || std::is_same_v<T, float> || std::is_same_v<T, double>;
template <typename T>
concept AtomicInteger =
    std::is_same_v<T, int> || std::is_same_v<T, unsigned> || std::is_same_v<T, unsigned long long>;
template <typename T>
concept Exchangeable = AtomicInteger<T> || std::is_same_v<T, float>;

}  // namespace simt

template <simt::Addable T>
T atomicAdd(T* address, std::type_identity_t<T> value) {
  return simt::read_modify_write(address, [=](T old) { return T(old + value); });
}
template <simt::AtomicInteger T>
T atomicSub(T* address, std::type_identity_t<T> value) {
  return simt::read_modify_write(address, [=](T old) { return T(old - value); });
}
template <simt::AtomicInteger T>
T atomicMax(T* address, std::type_identity_t<T> value) {
  return simt::read_modify_write(address, [=](T old) { return old > value ? old : value; });
}
template <simt::AtomicInteger T>
T atomicMin(T* address, std::type_identity_t<T> value) {
  return simt::read_modify_write(address, [=](T old) { return old < value ? old : value; });
}
template <simt::Exchangeable T>
T atomicExch(T* address, std::type_identity_t<T> value) {
  return simt::read_modify_write(address, [=](T) { return value; });
}
template <simt::AtomicInteger T>
T atomicOr(T* address, std::type_identity_t<T> value) {
  return simt::read_modify_write(address, [=](T old) { return T(old | value); });
}
template <simt::AtomicInteger T>
T atomicAnd(T* address, std::type_identity_t<T> value) {
  return simt::read_modify_write(address, [=](T old) { return T(old & value); });
}
template <simt::AtomicInteger T>
T atomicCAS(T* address, std::type_identity_t<T> expected, std::type_identity_t<T> value) {
  return simt::read_modify_write(address, [=](T old) { return old == expected ? value : old; });
}
// Counts up to `limit` and then starts again at zero.
inline unsigned atomicInc(unsigned* address, unsigned limit) {
  return simt::read_modify_write(address,
                                 [=](unsigned old) { return old >= limit ? 0u : old + 1u; });
}
inline unsigned atomicDec(unsigned* address, unsigned limit) {
  return simt::read_modify_write(
      address, [=](unsigned old) { return old == 0u || old > limit ? limit : old - 1u; });
}
