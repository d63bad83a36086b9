// SPDX-License-Identifier: MIT
// Kernels that judge the harness: right ones, and wrong ones that it has to catch.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime_api.h>

namespace selftest {

// ----------------------------------------------------------------- right
// *sum += x[0] + ... (a shuffle tree, shared memory, one atomic per block)
cudaError_t block_sum(const float* x, float* sum, int n, cudaStream_t stream);
// v = mu v + g, p -= lr v, four values a thread; n is a multiple of 4.
cudaError_t momentum(float* p, float* v, const float* g, float mu, float lr, int n,
                     cudaStream_t stream);
// c = x x^T for x m x k, in tiles of 16 or 8.
cudaError_t gram(const float* x, float* c, int m, int k, int tile, cudaStream_t stream);
// c = a b for a 32 x 32, b 32 x 32, with wmma tiles m x n x 16.
cudaError_t product(const __nv_bfloat16* a, const __nv_bfloat16* b, float* c, int m,
                    cudaStream_t stream);
cudaError_t product(const __half* a, const __half* b, float* c, int m, cudaStream_t stream);
// 64 threads; out[thread * 6 ...] = ballot, any, all, count, and, or of "thread is odd".
cudaError_t votes(int* out, cudaStream_t stream);
// 32 threads; out[lane * 5 ...] = up 1, down 1, xor 3 and broadcast of 2 in groups of 8, and the
// opposite lane through shared memory.
cudaError_t shuffles(float* out, cudaStream_t stream);
// Every atomic on its own value, from 2 blocks of 64 threads.
cudaError_t atomics(int* ints, unsigned* unsigneds, double* doubles, cudaStream_t stream);
// out[linear thread] = x + 10 y + 100 z of thread, plus 1000 times the block's number.
cudaError_t indices(int* out, dim3 grid, dim3 block, cudaStream_t stream);
// log[i] = number of the i-th thread to run; *next starts at 0.
cudaError_t run_order(int* log, unsigned* next, int blocks, int threads, cudaStream_t stream);
cudaError_t scale(float* x, float factor, int n, cudaStream_t stream);
cudaError_t scale_by(float* x, const float* factor, int n, cudaStream_t stream);
// The bytes of dynamic shared memory that the kernel could use.
cudaError_t use_dynamic(float* out, int floats, int bytes, bool allow, cudaStream_t stream);

// The block that finishes last adds the partial sums of all; *counter returns to 0.
enum class LastBlock {
  right,
  fence_by_all,  // right as well: every thread fences before the barrier
  no_fence,
  no_barrier,
  fence_before_write,
};
cudaError_t last_block_sum(LastBlock variant, const float* x, float* partials, unsigned* counter,
                           float* sum, int n, cudaStream_t stream);

// ----------------------------------------------------------------- wrong
enum class Fault {
  missing_barrier,
  missing_syncwarp,
  tile_overwritten,  // no barrier before the next iteration
  early_return,
  two_barriers,  // different ones in the branches
  half_a_shuffle,
  exited_lane,
  own_lane_missing,
  lost_update,
  neighbour_block,  // reads what another block writes
  shared_overrun,
  global_overrun,
  no_dynamic_memory,
  misaligned_tile,
  narrow_tile,
  different_tiles,
  unset_shared,
  overwritten_after_read,
};
cudaError_t faulty(Fault fault, float* out, int one, cudaStream_t stream);

}  // namespace selftest
