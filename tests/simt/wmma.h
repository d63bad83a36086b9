// SPDX-License-Identifier: MIT
// nvcuda::wmma for bf16 and half operands with float accumulators, in the three hardware shapes.
#pragma once

#include <cstdint>
#include <type_traits>

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "simt/device_entry.h"

namespace nvcuda::wmma {

struct row_major;
struct col_major;
struct matrix_a;
struct matrix_b;
struct accumulator;
enum layout_t { mem_row_major, mem_col_major };

// `x` spreads the elements over the lanes differently from any GPU, on purpose: a kernel may work
// on it element by element, but must not know which element it holds.
template <typename Use, int M, int N, int K, typename T, typename Layout = void>
struct fragment {
  static_assert((M == 16 && N == 16 && K == 16) || (M == 32 && N == 8 && K == 16) ||
                    (M == 8 && N == 32 && K == 16),
                "no such wmma shape");
  static_assert(std::is_same_v<Use, accumulator>
                    ? std::is_same_v<T, float>
                    : std::is_same_v<T, __nv_bfloat16> || std::is_same_v<T, __half>,
                "operands are bf16 or half, accumulators float");
  static_assert(std::is_same_v<Use, accumulator> == std::is_void_v<Layout>,
                "operands have a layout, accumulators none");
  static constexpr int rows = std::is_same_v<Use, matrix_b> ? K : M;
  static constexpr int columns = std::is_same_v<Use, matrix_a> ? K : N;
  static constexpr int num_elements = rows * columns / 32;
  T x[num_elements];
};

namespace detail {

inline int element(int lane, int i) { return i * 32 + lane; }

struct Operand {
  const void* memory;
  unsigned leading;
  simt::Location where;
};

inline void require_same(void** payloads, unsigned mask) {
  const auto* first = static_cast<Operand*>(payloads[0]);
  if (mask != 0xffffffffu) simt::trap("wmma with a partial warp", simt::Location::current());
  for (int lane = 1; lane < 32; ++lane) {
    const auto* other = static_cast<Operand*>(payloads[lane]);
    if (other->memory != first->memory || other->leading != first->leading) {
      simt::trap("wmma: lanes pass different pointers or leading dimensions", first->where);
    }
  }
}

// All lanes meet here before any of them touches memory.
template <typename T>
void meet(const T* memory, unsigned leading, simt::Location where) {
  if (reinterpret_cast<std::uintptr_t>(memory) % 32) {
    simt::trap("wmma pointer is not 32-byte aligned", where);
  }
  if (leading * sizeof(T) % 16) {
    simt::trap("wmma leading dimension is not a multiple of 16 bytes", where);
  }
  Operand operand{memory, leading, where};
  simt::collective(0xffffffffu, &require_same, &operand, where);
}

template <typename Fragment>
std::size_t offset(int i, unsigned leading, bool by_rows, simt::Location where) {
  const int e = element(int(simt::current->lane), i);
  const auto row = unsigned(e / Fragment::columns);
  const auto column = unsigned(e % Fragment::columns);
  if (leading < unsigned(by_rows ? Fragment::columns : Fragment::rows)) {
    simt::trap("wmma leading dimension is smaller than the tile", where);
  }
  return by_rows ? std::size_t(row) * leading + column : std::size_t(column) * leading + row;
}

}  // namespace detail

template <typename Use, int M, int N, int K, typename T, typename Layout, typename V>
void fill_fragment(fragment<Use, M, N, K, T, Layout>& f, const V& value) {
  for (auto& element : f.x) element = T(value);
}

template <typename Use, int M, int N, int K, typename T, typename Layout>
void load_matrix_sync(fragment<Use, M, N, K, T, Layout>& f, const T* memory, unsigned leading,
                      simt::Location where = simt::Location::current()) {
  using F = fragment<Use, M, N, K, T, Layout>;
  detail::meet(memory, leading, where);
  for (int i = 0; i < F::num_elements; ++i) {
    f.x[i] = memory[detail::offset<F>(i, leading, std::is_same_v<Layout, row_major>, where)];
  }
}

template <int M, int N, int K, typename T>
void load_matrix_sync(fragment<accumulator, M, N, K, T>& f, const T* memory, unsigned leading,
                      layout_t layout, simt::Location where = simt::Location::current()) {
  using F = fragment<accumulator, M, N, K, T>;
  detail::meet(memory, leading, where);
  for (int i = 0; i < F::num_elements; ++i) {
    f.x[i] = memory[detail::offset<F>(i, leading, layout == mem_row_major, where)];
  }
}

template <int M, int N, int K, typename T>
void store_matrix_sync(T* memory, const fragment<accumulator, M, N, K, T>& f, unsigned leading,
                       layout_t layout, simt::Location where = simt::Location::current()) {
  using F = fragment<accumulator, M, N, K, T>;
  detail::meet(memory, leading, where);
  for (int i = 0; i < F::num_elements; ++i) {
    memory[detail::offset<F>(i, leading, layout == mem_row_major, where)] = f.x[i];
  }
}

namespace detail {

template <typename D, typename A, typename B>
struct Product {
  D* d;
  const A* a;
  const B* b;
  const D* c;
};

// The last lane computes the product for all of them.
template <int M, int N, int K, typename FD, typename FA, typename FB>
__attribute__((no_sanitize("thread"))) void combine_product(void** payloads, unsigned) {
  float a[M * K];
  float b[K * N];
  float c[M * N];
  for (int lane = 0; lane < 32; ++lane) {
    const auto& q = *static_cast<Product<FD, FA, FB>*>(payloads[lane]);
    for (int i = 0; i < FA::num_elements; ++i) a[element(lane, i)] = float(q.a->x[i]);
    for (int i = 0; i < FB::num_elements; ++i) b[element(lane, i)] = float(q.b->x[i]);
    for (int i = 0; i < FD::num_elements; ++i) c[element(lane, i)] = q.c->x[i];
  }
  for (int i = 0; i < M; ++i) {
    for (int k = 0; k < K; ++k) {
      for (int j = 0; j < N; ++j) c[i * N + j] += a[i * K + k] * b[k * N + j];
    }
  }
  for (int lane = 0; lane < 32; ++lane) {
    const auto& q = *static_cast<Product<FD, FA, FB>*>(payloads[lane]);
    for (int i = 0; i < FD::num_elements; ++i) q.d->x[i] = c[element(lane, i)];
  }
}

}  // namespace detail

template <int M, int N, int K, typename T, typename LA, typename LB>
void mma_sync(fragment<accumulator, M, N, K, float>& d, const fragment<matrix_a, M, N, K, T, LA>& a,
              const fragment<matrix_b, M, N, K, T, LB>& b,
              const fragment<accumulator, M, N, K, float>& c,
              simt::Location where = simt::Location::current()) {
  using FD = fragment<accumulator, M, N, K, float>;
  using FA = fragment<matrix_a, M, N, K, T, LA>;
  using FB = fragment<matrix_b, M, N, K, T, LB>;
  detail::Product<FD, FA, FB> product{&d, &a, &b, &c};
  simt::collective(0xffffffffu, &detail::combine_product<M, N, K, FD, FA, FB>, &product, where);
}

}  // namespace nvcuda::wmma
