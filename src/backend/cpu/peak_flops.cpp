// SPDX-License-Identifier: MIT
// The machine's fp32 multiply-add peak: independent fused multiply-adds in registers on every
// thread, with the widest vectors the processor has.
#include <algorithm>
#include <cstdint>

#include "cpu_backend.h"

namespace dropmuon::cpu {
namespace {

constexpr int kChains = 12;  // enough independent chains to hide the latency of two FMA units
constexpr std::int64_t kIterations = 4'000'000;

template <typename Vector>
[[gnu::always_inline]] inline float fma_chains() {
  Vector chain[kChains];
  // No chain starts at 1, the fixed point, which a compiler may compute beforehand.
  for (int k = 0; k < kChains; ++k) chain[k] = Vector{} + 2.0F + static_cast<float>(k);
  Vector factor = Vector{} + 0.999999F;
  Vector term = Vector{} + 1e-6F;
  for (std::int64_t i = 0; i < kIterations; ++i) {
#pragma GCC unroll 12
    for (int k = 0; k < kChains; ++k) chain[k] = chain[k] * factor + term;
  }
  Vector sum{};
  for (const Vector& value : chain) sum += value;
  return sum[0];
}

using Float4 [[gnu::vector_size(16)]] = float;
float run_baseline() { return fma_chains<Float4>(); }

#if defined(__x86_64__)
using Float8 [[gnu::vector_size(32)]] = float;
using Float16 [[gnu::vector_size(64)]] = float;
[[gnu::target("avx2,fma")]] float run_avx2() { return fma_chains<Float8>(); }
[[gnu::target("avx512f,fma")]] float run_avx512() { return fma_chains<Float16>(); }
#endif

struct Kernel {
  float (*run)();
  int lanes;
};

Kernel widest() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return {run_avx512, 16};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return {run_avx2, 8};
#endif
  return {run_baseline, 4};
}

}  // namespace

double CpuBackend::measure_peak_flops() {
  const Kernel kernel = widest();
  double best = 0.0;
  for (int repeat = 0; repeat < 7; ++repeat) {
    float sink = 0.0F;
    const Clock::time_point start = Clock::now();
#pragma omp parallel num_threads(threads_) reduction(+ : sink)
    sink += kernel.run();
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    const double flops = 2.0 * kChains * kernel.lanes * static_cast<double>(kIterations) * threads_;
    if (sink != 0.0F) best = std::max(best, flops / seconds);
  }
  return best;
}

}  // namespace dropmuon::cpu
