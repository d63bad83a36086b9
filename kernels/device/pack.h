// SPDX-License-Identifier: MIT
// One or four floats of a tensor, so that a kernel is written once for both widths.
#pragma once

#include <cstddef>
#include <cstdint>

#include "device/language.h"

namespace dropmuon::kernels {

template <int V>
struct alignas(V * sizeof(float)) Pack {
  static_assert(V == 1 || V == 4);
  float v[V];
};

__host__ __device__ inline bool aligned16(const void* p) {
  return reinterpret_cast<std::uintptr_t>(p) % 16 == 0;
}

// For V = 4 the address must be 16-byte aligned.
template <int V>
__device__ __forceinline__ Pack<V> load(const float* from) {
  if constexpr (V == 4) {
    const float4 f = *reinterpret_cast<const float4*>(from);
    return {f.x, f.y, f.z, f.w};
  } else {
    return {*from};
  }
}

// The same past the first-level cache: for what other blocks of this launch have written.
template <int V>
__device__ __forceinline__ Pack<V> load_shared_result(const float* from) {
  if constexpr (V == 4) {
    const float4 f = __ldcg(reinterpret_cast<const float4*>(from));
    return {f.x, f.y, f.z, f.w};
  } else {
    return {__ldcg(from)};
  }
}

template <int V>
__device__ __forceinline__ void store(float* to, const Pack<V>& pack) {
  if constexpr (V == 4) {
    *reinterpret_cast<float4*>(to) = make_float4(pack.v[0], pack.v[1], pack.v[2], pack.v[3]);
  } else {
    *to = pack.v[0];
  }
}

// The bytes that belong to V floats (winners of a pooling).
template <int V>
struct Bytes {
  std::uint8_t v[V];
};

template <int V>
__device__ __forceinline__ Bytes<V> load_bytes(const std::uint8_t* from) {
  if constexpr (V == 4) {
    const uchar4 b = *reinterpret_cast<const uchar4*>(from);
    return {b.x, b.y, b.z, b.w};
  } else {
    return {*from};
  }
}

template <int V>
__device__ __forceinline__ void store_bytes(std::uint8_t* to, const Bytes<V>& bytes) {
  if constexpr (V == 4) {
    *reinterpret_cast<uchar4*>(to) = make_uchar4(bytes.v[0], bytes.v[1], bytes.v[2], bytes.v[3]);
  } else {
    *to = bytes.v[0];
  }
}

}  // namespace dropmuon::kernels
