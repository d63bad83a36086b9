// SPDX-License-Identifier: MIT
#include "device/language.h"
#include "selftest_kernels.h"

namespace selftest {
namespace {

constexpr unsigned kAll = 0xffffffffu;

// ----------------------------------------------------------------- right
__device__ float warp_sum(float v) {
  for (int offset = 16; offset > 0; offset >>= 1) v += __shfl_xor_sync(kAll, v, offset);
  return v;
}

// The sum over the block, in thread 0.
__device__ float sum_of_block(float v) {
  SHARED(float[8], partial);
  v = warp_sum(v);
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = v;
  __syncthreads();
  if (threadIdx.x < 32) {
    v = warp_sum(threadIdx.x < blockDim.x / 32 ? partial[threadIdx.x] : 0.0f);
  }
  return v;
}

__device__ float strided_sum(const float* x, int n) {
  float v = 0.0f;
  const auto step = int(blockDim.x * gridDim.x);
  for (int i = int(blockIdx.x * blockDim.x + threadIdx.x); i < n; i += step) v += __ldg(x + i);
  return v;
}

__global__ void __launch_bounds__(256) block_sum_kernel(const float* x, float* sum, int n) {
  const float v = sum_of_block(strided_sum(x, n));
  if (threadIdx.x == 0) atomicAdd(sum, v);
}

__global__ void __launch_bounds__(256)
    momentum_kernel(float4* p, float4* v, const float4* g, float mu, float lr, int n4) {
  const int i = int(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= n4) return;
  float4 a = v[i];
  const float4 b = g[i];
  float4 c = p[i];
  a = make_float4(mu * a.x + b.x, mu * a.y + b.y, mu * a.z + b.z, mu * a.w + b.w);
  c = make_float4(c.x - lr * a.x, c.y - lr * a.y, c.z - lr * a.z, c.w - lr * a.w);
  v[i] = a;
  p[i] = c;
}

// Only the lower tiles are computed, and mirrored.
template <int T>
__global__ void __launch_bounds__(T* T) gram_kernel(const float* x, float* c, int m, int k) {
  if (blockIdx.x > blockIdx.y) return;  // uniform in the block
  SHARED(float[T][T + 1], a);
  SHARED(float[T][T + 1], b);
  const int tx = int(threadIdx.x);
  const int ty = int(threadIdx.y);
  const int row = int(blockIdx.y) * T + ty;
  const int other = int(blockIdx.x) * T + ty;
  float sum = 0.0f;
  for (int k0 = 0; k0 < k; k0 += T) {
    a[ty][tx] = row < m && k0 + tx < k ? x[size_t(row) * k + k0 + tx] : 0.0f;
    b[ty][tx] = other < m && k0 + tx < k ? x[size_t(other) * k + k0 + tx] : 0.0f;
    __syncthreads();
    for (int j = 0; j < T; ++j) sum = fmaf(a[ty][j], b[tx][j], sum);
    __syncthreads();
  }
  const int column = int(blockIdx.x) * T + tx;
  if (row >= m || column >= m) return;
  c[size_t(row) * m + column] = sum;
  if (blockIdx.x != blockIdx.y) c[size_t(column) * m + row] = sum;
}

template <typename T, int M, int N>
__global__ void __launch_bounds__(32) product_kernel(const T* a, const T* b, float* c) {
  using namespace nvcuda::wmma;
  constexpr int kSize = 32;
  DYN_SHARED(T, tile);  // a's tile: M x 16
  fragment<accumulator, M, N, 16, float> sum;
  fill_fragment(sum, 0.0f);
  const T* rows = a + int(blockIdx.y) * M * kSize;
  for (int k0 = 0; k0 < kSize; k0 += 16) {
    for (int e = int(threadIdx.x); e < M * 16; e += 32) {
      tile[e] = rows[e / 16 * kSize + k0 + e % 16];
    }
    __syncwarp();
    fragment<matrix_a, M, N, 16, T, row_major> fa;
    fragment<matrix_b, M, N, 16, T, row_major> fb;
    load_matrix_sync(fa, tile, 16);
    // A column tile of 8 elements is only 16-byte aligned, so every block takes whole rows of b.
    load_matrix_sync(fb, b + k0 * kSize + (N == 8 ? 0 : int(blockIdx.x) * N), kSize);
    mma_sync(sum, fa, fb, sum);
    __syncwarp();
  }
  const int column = N == 8 ? 0 : int(blockIdx.x) * N;
  store_matrix_sync(c + int(blockIdx.y) * M * kSize + column, sum, kSize, mem_row_major);
}

template <typename T>
cudaError_t launch_product(const T* a, const T* b, float* c, int m, cudaStream_t stream) {
  const size_t bytes = size_t(m) * 16 * sizeof(T);
  if (m == 16) return launch(product_kernel<T, 16, 16>, dim3(2, 2), 32, bytes, stream, a, b, c);
  if (m == 32) return launch(product_kernel<T, 32, 8>, dim3(1, 1), 32, bytes, stream, a, b, c);
  return launch(product_kernel<T, 8, 32>, dim3(1, 4), 32, bytes, stream, a, b, c);
}

__global__ void __launch_bounds__(64) votes_kernel(int* out) {
  const int odd = threadIdx.x % 2;
  int* mine = out + threadIdx.x * 6;
  mine[0] = int(__ballot_sync(kAll, odd));
  mine[1] = __any_sync(kAll, odd);
  mine[2] = __all_sync(kAll, odd);
  mine[3] = __syncthreads_count(odd);
  mine[4] = __syncthreads_and(odd);
  mine[5] = __syncthreads_or(odd);
}

__global__ void __launch_bounds__(32) shuffles_kernel(float* out) {
  const auto v = float(threadIdx.x);
  SHARED(float[32], staged);
  float* mine = out + threadIdx.x * 5;
  staged[threadIdx.x] = v;
  mine[0] = __shfl_up_sync(kAll, v, 1, 8);
  mine[1] = __shfl_down_sync(kAll, v, 1, 8);
  mine[2] = __shfl_xor_sync(kAll, v, 3, 8);
  mine[3] = __shfl_sync(kAll, v, 2, 8);
  __syncwarp();
  mine[4] = staged[31 - threadIdx.x];
}

__global__ void __launch_bounds__(64)
    atomics_kernel(int* ints, unsigned* unsigneds, double* doubles) {
  const int i = int(blockIdx.x * blockDim.x + threadIdx.x);
  atomicAdd(ints + 0, i);
  atomicMax(ints + 1, i);
  atomicMin(ints + 2, -i);
  atomicSub(ints + 3, 1);
  atomicCAS(ints + 4, 0, 7);  // only the first succeeds
  atomicAdd(unsigneds + 0, 1u);
  atomicInc(unsigneds + 1, 99u);  // 0 ... 99, 0 ...
  atomicDec(unsigneds + 2, 49u);
  atomicOr(unsigneds + 3, 1u << (i % 32));
  atomicAnd(unsigneds + 4, ~(1u << (i % 32)));
  atomicAdd(doubles, 0.5);
}

__global__ void __launch_bounds__(1024) indices_kernel(int* out) {
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  out[block * blockDim.x * blockDim.y * blockDim.z + thread] =
      int(threadIdx.x + 10 * threadIdx.y + 100 * threadIdx.z + 1000 * block);
}

__global__ void __launch_bounds__(1024) run_order_kernel(int* log, unsigned* next) {
  log[atomicAdd(next, 1u)] = int(blockIdx.x * blockDim.x + threadIdx.x);
}

// The factor comes by value, or from memory if there is a pointer.
__global__ void __launch_bounds__(256)
    scale_kernel(float* x, float factor, const float* in, int n) {
  const int i = int(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) x[i] *= in ? *in : factor;
}

__global__ void __launch_bounds__(32) use_dynamic_kernel(float* out, int floats) {
  DYN_SHARED(float, memory);
  for (int i = int(threadIdx.x); i < floats; i += 32) memory[i] = float(i);
  __syncthreads();
  if (threadIdx.x == 0) *out = memory[floats - 1];
}

__global__ void __launch_bounds__(256)
    last_block_kernel(LastBlock variant, const float* x, float* partials, unsigned* counter,
                      float* sum, int n) {
  SHARED(float[256], values);
  SHARED(bool, last);
  // Every thread writes its own partial sum, so that the barrier and the fence both matter.
  if (variant == LastBlock::fence_before_write) __threadfence();
  partials[blockIdx.x * blockDim.x + threadIdx.x] = strided_sum(x, n);
  if (variant == LastBlock::fence_by_all) __threadfence();
  if (variant != LastBlock::no_barrier) __syncthreads();
  if (threadIdx.x == 0) {
    if (variant == LastBlock::right || variant == LastBlock::no_barrier) __threadfence();
    last = atomicAdd(counter, 1u) == gridDim.x - 1;
  }
  __syncthreads();
  if (!last) return;  // uniform in the block
  float v = 0.0f;
  for (unsigned b = 0; b < gridDim.x; ++b) v += partials[b * blockDim.x + threadIdx.x];
  values[threadIdx.x] = v;
  __syncthreads();
  if (threadIdx.x != 0) return;
  float total = 0.0f;
  for (unsigned i = 0; i < blockDim.x; ++i) total += values[i];
  *sum = total;
  *counter = 0;
}

// ----------------------------------------------------------------- wrong
__global__ void __launch_bounds__(64) memory_faults(Fault fault, float* out, int one) {
  SHARED(float[64], s);
  const auto i = int(threadIdx.x);
  const auto block = blockIdx.x;
  if (fault != Fault::unset_shared) s[i] = float(i);
  if (fault == Fault::missing_barrier) out[i] = s[63 - i];
  if (fault == Fault::missing_syncwarp) out[i] = s[i ^ 1];
  if (fault == Fault::unset_shared) out[i] = s[i];
  if (fault == Fault::lost_update) out[0] += 1.0f;
  if (fault == Fault::neighbour_block && i == 0) out[block] = out[(block + 1) % gridDim.x];
  if (fault == Fault::global_overrun) out[i + one] = 1.0f;
  if (fault == Fault::tile_overwritten) {
    for (int round = 0; round < 2; ++round) {
      s[i] = float(round);
      __syncthreads();
      out[i] = s[63 - i];
    }
  }
  __syncthreads();
  if (fault == Fault::shared_overrun) out[i] = s[i + one];
  if (fault != Fault::overwritten_after_read) return;
  if (i != 31) out[i] = s[0];
  if (i == 0 || i == 31) __syncwarp(0x80000001u);  // orders lane 0 with lane 31, not with readers
  if (i == 0) s[0] = 1.0f;
}

__global__ void __launch_bounds__(64) meeting_faults(Fault fault, float* out) {
  const auto i = threadIdx.x;
  auto v = float(i);
  if (fault == Fault::early_return && i > 10) return;
  if (fault == Fault::early_return) __syncthreads();
  if (fault == Fault::two_barriers && i < 32) __syncthreads();
  if (fault == Fault::two_barriers && i >= 32) __syncthreads();
  if (fault == Fault::half_a_shuffle && i % 32 < 16) v += __shfl_down_sync(kAll, v, 1);
  if (fault == Fault::half_a_shuffle && i % 32 >= 16) __syncthreads();
  if (fault == Fault::exited_lane && i % 32 == 31) return;
  if (fault == Fault::exited_lane) v = warp_sum(v);
  if (fault == Fault::own_lane_missing) v = __shfl_sync(0x0000ffffu, v, 0);
  out[i] = v;
}

__global__ void __launch_bounds__(32) tile_faults(Fault fault, float* out) {
  using namespace nvcuda::wmma;
  fragment<accumulator, 16, 16, 16, float> sum;
  fill_fragment(sum, 1.0f);
  if (fault == Fault::no_dynamic_memory) {
    DYN_SHARED(float, memory);
    out[threadIdx.x] = memory[threadIdx.x];
  }
  if (fault == Fault::misaligned_tile) store_matrix_sync(out + 4, sum, 16, mem_row_major);
  if (fault == Fault::narrow_tile) store_matrix_sync(out, sum, 12, mem_row_major);
  if (fault == Fault::different_tiles) {
    store_matrix_sync(out + threadIdx.x / 16 * 256, sum, 16, mem_row_major);
  }
}

unsigned blocks_for(int n, int per_block) { return unsigned((n + per_block - 1) / per_block); }

}  // namespace

cudaError_t block_sum(const float* x, float* sum, int n, cudaStream_t stream) {
  return launch(block_sum_kernel, 40, 256, 0, stream, x, sum, n);
}
cudaError_t momentum(float* p, float* v, const float* g, float mu, float lr, int n,
                     cudaStream_t stream) {
  return launch(momentum_kernel, blocks_for(n / 4, 256), 256, 0, stream,
                reinterpret_cast<float4*>(p), reinterpret_cast<float4*>(v),
                reinterpret_cast<const float4*>(g), mu, lr, n / 4);
}
cudaError_t gram(const float* x, float* c, int m, int k, int tile, cudaStream_t stream) {
  const unsigned tiles = blocks_for(m, tile);
  if (tile == 16) {
    return launch(gram_kernel<16>, dim3(tiles, tiles), dim3(16, 16), 0, stream, x, c, m, k);
  }
  return launch(gram_kernel<8>, dim3(tiles, tiles), dim3(8, 8), 0, stream, x, c, m, k);
}
cudaError_t product(const __nv_bfloat16* a, const __nv_bfloat16* b, float* c, int m,
                    cudaStream_t stream) {
  return launch_product(a, b, c, m, stream);
}
cudaError_t product(const __half* a, const __half* b, float* c, int m, cudaStream_t stream) {
  return launch_product(a, b, c, m, stream);
}
cudaError_t votes(int* out, cudaStream_t stream) {
  return launch(votes_kernel, 1, 64, 0, stream, out);
}
cudaError_t shuffles(float* out, cudaStream_t stream) {
  return launch(shuffles_kernel, 1, 32, 0, stream, out);
}
cudaError_t atomics(int* ints, unsigned* unsigneds, double* doubles, cudaStream_t stream) {
  return launch(atomics_kernel, 2, 64, 0, stream, ints, unsigneds, doubles);
}
cudaError_t indices(int* out, dim3 grid, dim3 block, cudaStream_t stream) {
  return launch(indices_kernel, grid, block, 0, stream, out);
}
cudaError_t run_order(int* log, unsigned* next, int blocks, int threads, cudaStream_t stream) {
  return launch(run_order_kernel, unsigned(blocks), unsigned(threads), 0, stream, log, next);
}
cudaError_t scale(float* x, float factor, int n, cudaStream_t stream) {
  return launch(scale_kernel, blocks_for(n, 256), 256, 0, stream, x, factor, nullptr, n);
}
cudaError_t scale_by(float* x, const float* factor, int n, cudaStream_t stream) {
  return launch(scale_kernel, blocks_for(n, 256), 256, 0, stream, x, 1.0f, factor, n);
}
cudaError_t use_dynamic(float* out, int floats, int bytes, bool allow, cudaStream_t stream) {
  if (allow) {
    constexpr auto kLimit = cudaFuncAttributeMaxDynamicSharedMemorySize;
    if (const auto error = cudaFuncSetAttribute(use_dynamic_kernel, kLimit, bytes)) return error;
  }
  return launch(use_dynamic_kernel, 1, 32, size_t(bytes), stream, out, floats);
}
cudaError_t last_block_sum(LastBlock variant, const float* x, float* partials, unsigned* counter,
                           float* sum, int n, cudaStream_t stream) {
  return launch(last_block_kernel, 8, 256, 0, stream, variant, x, partials, counter, sum, n);
}
cudaError_t faulty(Fault fault, float* out, int one, cudaStream_t stream) {
  switch (fault) {
    case Fault::early_return:
    case Fault::two_barriers:
    case Fault::half_a_shuffle:
    case Fault::exited_lane:
    case Fault::own_lane_missing:
      return launch(meeting_faults, 1, 64, 0, stream, fault, out);
    case Fault::no_dynamic_memory:
    case Fault::misaligned_tile:
    case Fault::narrow_tile:
    case Fault::different_tiles:
      return launch(tile_faults, 1, 32, 0, stream, fault, out);
    case Fault::lost_update:
    case Fault::neighbour_block:
      return launch(memory_faults, 2, 64, 0, stream, fault, out, one);
    default:
      return launch(memory_faults, 1, 64, 0, stream, fault, out, one);
  }
}

}  // namespace selftest
