// SPDX-License-Identifier: MIT
// The one CUDA include of a .cu file. Under nvcc it is CUDA itself; compiled as plain C++ it is the
// host harness of tests/simt, which runs every CUDA thread as a fibre. Rules for kernels:
// README.md.
#pragma once

#include <cstddef>

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime_api.h>

#if defined(__CUDACC__)
#include <cuda_runtime.h>
#include <mma.h>

// SHARED(float[8][33], tile): a static shared array. DYN_SHARED(float, memory): the launch's
// dynamic shared memory, 128-byte aligned, once per kernel.
template <typename T>
struct SharedType {
  using type = T;
};
#define SHARED(T, name) __shared__ typename SharedType<T>::type name
#define DYN_SHARED(T, name)                                               \
  extern __shared__ __align__(128) unsigned char dynamic_shared_memory[]; \
  T* name = reinterpret_cast<T*>(dynamic_shared_memory)

// kernel<<<grid, block, shared_bytes, stream>>>(args...), with the launch's own error.
template <typename... P, typename... A>
cudaError_t launch(void (*kernel)(P...), dim3 grid, dim3 block, std::size_t shared_bytes,
                   cudaStream_t stream, A&&... args) {
  kernel<<<grid, block, shared_bytes, stream>>>(static_cast<P>(args)...);
  return cudaGetLastError();
}
#else
#include "simt/device_language.h"
#endif
