// SPDX-License-Identifier: MIT
// The CUDA device language for g++: a .cu file that includes this runs on the host, every CUDA
// thread a fibre. It needs the harness sources of this folder at link time.
#pragma once

#include <cstddef>
#include <tuple>
#include <type_traits>

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime_api.h>
#include <vector_functions.h>

#include "simt/atomics.h"
#include "simt/device_entry.h"
#include "simt/intrinsics.h"
#include "simt/warp.h"
#include "simt/wmma.h"

template <typename T>
struct SharedType {
  using type = T;
};

// Plain __shared__ would be an ordinary local here, so it must not compile.
#undef __shared__
#define __shared__ static_assert(false, "use SHARED(T, name) or DYN_SHARED(T, name)");
#undef __launch_bounds__
#define __launch_bounds__(...)

// SHARED(float[8][33], tile): a static shared array. DYN_SHARED(float, memory): the launch's
// dynamic shared memory, 128-byte aligned, once per kernel.
#define SHARED(T, name)                \
  typename SharedType<T>::type& name = \
      simt::shared_array<typename SharedType<T>::type, decltype([] {})>()
#define DYN_SHARED(T, name) \
  T* name = static_cast<T*>(simt::dynamic_shared(simt::Location::current()))

#define threadIdx (simt::current->index)
#define blockIdx (simt::grid.block_index)
#define blockDim (simt::grid.block_size)
#define gridDim (simt::grid.size)
inline constexpr int warpSize = 32;

// kernel<<<grid, block, shared_bytes, stream>>>(args...), with the launch's own error. The
// arguments are copied now, so a graph replays the values of its capture, as on a GPU. Not inlined:
// a test tells by this name what is allocated here and not by the launchers.
template <typename... P, typename... A>
[[gnu::noinline]] cudaError_t launch(void (*kernel)(P...), dim3 grid, dim3 block,
                                     std::size_t shared_bytes, cudaStream_t stream, A&&... args) {
  std::tuple<std::remove_cv_t<P>...> copied(static_cast<P>(args)...);
  return simt::launch_grid(reinterpret_cast<const void*>(kernel), grid, block, shared_bytes, stream,
                           [kernel, copied] { std::apply(kernel, copied); });
}

// The forms of these calls that take a kernel itself; <cuda_runtime.h> has them under nvcc.
#if !defined(__CUDA_RUNTIME_H__)
template <typename... P>
cudaError_t cudaFuncSetAttribute(void (*kernel)(P...), cudaFuncAttribute attribute, int value) {
  return cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), attribute, value);
}
template <typename... P>
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, void (*kernel)(P...)) {
  return cudaFuncGetAttributes(attributes, reinterpret_cast<const void*>(kernel));
}
template <typename... P>
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, void (*kernel)(P...),
                                                          int block_size, std::size_t shared) {
  return cudaOccupancyMaxActiveBlocksPerMultiprocessor(
      blocks, reinterpret_cast<const void*>(kernel), block_size, shared);
}
#endif
