// SPDX-License-Identifier: MIT
#include "convert.h"
#include "device/grid.h"
#include "device/language.h"
#include "device/pack.h"

namespace dropmuon::kernels {
namespace {

// Eight bf16 values in one 16-byte access.
struct alignas(16) Eight {
  __nv_bfloat16 v[8];
};

// Eight a thread if both pointers are 16-byte aligned; the rest, or else everything, one by one.
__global__ void __launch_bounds__(kThreads, kBlocksPerProcessor)
    to_bf16_kernel(std::size_t count, const float* in, __nv_bfloat16* out) {
  const std::size_t thread = static_cast<std::size_t>(blockIdx.x) * kThreads + threadIdx.x;
  const std::size_t stride = static_cast<std::size_t>(gridDim.x) * kThreads;
  std::size_t done = 0;
  if (aligned16(in) && aligned16(out)) {
    done = count / 8 * 8;
    for (std::size_t i = 8 * thread; i < done; i += 8 * stride) {
      const Pack<4> a = load<4>(in + i);
      const Pack<4> b = load<4>(in + i + 4);
      Eight eight;
      for (int k = 0; k < 4; ++k) {
        eight.v[k] = __float2bfloat16_rn(a.v[k]);
        eight.v[4 + k] = __float2bfloat16_rn(b.v[k]);
      }
      *reinterpret_cast<Eight*>(out + i) = eight;
    }
  }
  for (std::size_t i = done + thread; i < count; i += stride) out[i] = __float2bfloat16_rn(in[i]);
}

template <bool kAccumulate>
__global__ void __launch_bounds__(kThreads, kBlocksPerProcessor)
    from_bf16_kernel(std::size_t count, const __nv_bfloat16* in, float* out) {
  const std::size_t thread = static_cast<std::size_t>(blockIdx.x) * kThreads + threadIdx.x;
  const std::size_t stride = static_cast<std::size_t>(gridDim.x) * kThreads;
  std::size_t done = 0;
  if (aligned16(in) && aligned16(out)) {
    done = count / 8 * 8;
    for (std::size_t i = 8 * thread; i < done; i += 8 * stride) {
      const Eight eight = *reinterpret_cast<const Eight*>(in + i);
      for (int half = 0; half < 8; half += 4) {
        Pack<4> value;
        for (int k = 0; k < 4; ++k) value.v[k] = __bfloat162float(eight.v[half + k]);
        if constexpr (kAccumulate) {
          const Pack<4> old = load<4>(out + i + half);
          for (int k = 0; k < 4; ++k) value.v[k] += old.v[k];
        }
        store<4>(out + i + half, value);
      }
    }
  }
  for (std::size_t i = done + thread; i < count; i += stride) {
    const float value = __bfloat162float(in[i]);
    out[i] = kAccumulate ? out[i] + value : value;
  }
}

}  // namespace

cudaError_t to_bf16(std::size_t count, const float* in, __nv_bfloat16* out, cudaStream_t stream) {
  if (count == 0) return cudaErrorInvalidValue;
  return launch(to_bf16_kernel, grid_blocks(count, 8 * kThreads), kThreads, 0, stream, count, in,
                out);
}

cudaError_t from_bf16(std::size_t count, const __nv_bfloat16* in, float* out, bool accumulate,
                      cudaStream_t stream) {
  if (count == 0) return cudaErrorInvalidValue;
  return launch(accumulate ? from_bf16_kernel<true> : from_bf16_kernel<false>,
                grid_blocks(count, 8 * kThreads), kThreads, 0, stream, count, in, out);
}

}  // namespace dropmuon::kernels
