// SPDX-License-Identifier: MIT
#include <algorithm>
#include <climits>

#include "device/language.h"
#include "newton_schulz/frobenius_scale.h"
#include "newton_schulz/sum_squares.h"

namespace dropmuon::kernels {
namespace {

constexpr int kFloatsPerItem = 512;  // 256 doubles

struct Placed {
  FrobeniusItem item;
  int first_block;
};

struct Group {
  int count;
  Placed items[kNormsPerLaunch];
};

__global__ void __launch_bounds__(kNormThreads)
    frobenius_scale_kernel(const __grid_constant__ Group group, Scratch scratch) {
  SHARED(double[kNormThreads / 32], warps);
  SHARED(bool, last);
  int i = 0;
  while (i + 1 < group.count && static_cast<int>(blockIdx.x) >= group.items[i + 1].first_block) ++i;
  const FrobeniusItem& item = group.items[i].item;
  const std::size_t chunk = norm_chunk(item.size);
  const unsigned blocks = static_cast<unsigned>((item.size + chunk - 1) / chunk);
  const std::size_t block = blockIdx.x - static_cast<unsigned>(group.items[i].first_block);
  const std::size_t begin = block * chunk;
  const std::size_t end = begin + chunk < item.size ? begin + chunk : item.size;
  const double sum = sum_squares(item.in, begin, end, warps);
  double* const partials = reinterpret_cast<double*>(scratch.floats) + i * (kFloatsPerItem / 2);
  if (threadIdx.x == 0) {
    partials[block] = sum;
    __threadfence();
    last = atomicAdd(scratch.counters + i, 1U) == blocks - 1;
    if (last) {
      __threadfence();
      scratch.counters[i] = 0;
      double squares = 0.0;
      for (unsigned b = 0; b < blocks; ++b) squares += __ldcg(partials + b);
      *item.scale = scale_of(squares);
    }
  }
}

__global__ void __launch_bounds__(kNormThreads)
    scaled_copy_kernel(const float* in, const float* scale, float shift,
                       std::size_t diagonal_stride, float* out, std::size_t size) {
  const std::size_t i = static_cast<std::size_t>(blockIdx.x) * kNormThreads + threadIdx.x;
  if (i >= size) return;
  const float value = scale == nullptr ? in[i] : in[i] * *scale;
  out[i] = i % diagonal_stride == 0 ? value + shift : value;
}

// Matrices that one launch takes.
int group_size(const Scratch& scratch) {
  const std::size_t room = scratch.float_count / kFloatsPerItem;
  const int counters = std::min(scratch.counter_count, kNormsPerLaunch);
  return static_cast<int>(std::min<std::size_t>(room, static_cast<std::size_t>(counters)));
}

}  // namespace

cudaError_t frobenius_scales(const FrobeniusItem* items, int count, const Scratch& scratch,
                             cudaStream_t stream) {
  if (frobenius_scale_launches(count, scratch) < 0) return cudaErrorInvalidValue;
  for (int i = 0; i < count; ++i) {
    if (items[i].size == 0) return cudaErrorInvalidValue;
  }
  Group group;
  for (int done = 0; done < count; done += group.count) {
    group.count = std::min(count - done, group_size(scratch));
    int blocks = 0;
    for (int i = 0; i < group.count; ++i) {
      const std::size_t chunk = norm_chunk(items[done + i].size);
      group.items[i] = {items[done + i], blocks};
      blocks += static_cast<int>((items[done + i].size + chunk - 1) / chunk);
    }
    const cudaError_t status = launch(frobenius_scale_kernel, dim3(static_cast<unsigned>(blocks)),
                                      dim3(kNormThreads), 0, stream, group, scratch);
    if (status != cudaSuccess) return status;
  }
  return cudaSuccess;
}

int frobenius_scale_launches(int count, const Scratch& scratch) {
  if (count < 0) return -1;
  if (count == 0) return 0;
  const int size = group_size(scratch);
  return size < 1 ? -1 : (count + size - 1) / size;
}

cudaError_t scaled_copy(const float* in, const float* scale, float shift,
                        std::size_t diagonal_stride, float* out, std::size_t size,
                        cudaStream_t stream) {
  const std::size_t blocks = (size + kNormThreads - 1) / kNormThreads;
  if (size == 0 || diagonal_stride == 0 || blocks > INT_MAX) return cudaErrorInvalidValue;
  return launch(scaled_copy_kernel, dim3(static_cast<unsigned>(blocks)), dim3(kNormThreads), 0,
                stream, in, scale, shift, diagonal_stride, out, size);
}

}  // namespace dropmuon::kernels
