// SPDX-License-Identifier: MIT
// Newton-Schulz orthogonalization of one matrix after the other. A matrix is seen as n x m with
// n <= m: when it is tall, X^T is meant by X and nothing is transposed in memory.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <utility>

#include "cpu_backend.h"
#include "onednn/gemm.h"
#include "parallel.h"
#include "symmetric_product.h"
#include <dropmuon/backend/newton_schulz_form.h>
#include <dropmuon/core/error.h>

namespace dropmuon::cpu {
namespace {

constexpr int kSmallSide = 32;  // up to here one thread takes a whole matrix
constexpr int kPanel = 96;      // columns of X that one thread takes of a larger one
constexpr double kSmallestNorm = 1e-30;
constexpr std::size_t kAlign = 16;  // floats in a cache line

std::size_t aligned(std::size_t count) { return (count + kAlign - 1) / kAlign * kAlign; }

bool is_small(const DirectionItem& item) { return short_side(item) <= kSmallSide; }

constexpr std::size_t kSquares = 5;

std::size_t workspace_size(const DirectionItem& item) {
  const auto n = static_cast<std::size_t>(short_side(item));
  return aligned(n * static_cast<std::size_t>(long_side(item))) + kSquares * aligned(n * n);
}

// Small matrices run side by side and each needs its own place; large ones take turns.
std::size_t workspace_size(std::span<const DirectionItem> items) {
  std::size_t small = 0;
  std::size_t large = 0;
  for (const DirectionItem& item : items) {
    if (is_small(item)) {
      small += workspace_size(item);
    } else {
      large = std::max(large, workspace_size(item));
    }
  }
  return small + large;
}

// One matrix on its way to its polar factor.
class Iteration {
 public:
  Iteration(const DirectionItem& item, float* workspace, int threads)
      : item_(item), n_(short_side(item)), threads_(threads), spare_(workspace) {
    const auto n = static_cast<std::size_t>(n_);
    workspace += aligned(n * static_cast<std::size_t>(long_side(item)));
    for (float*& square : squares_) {
      square = workspace;
      workspace += aligned(n * n);
    }
  }

  void run(const NewtonSchulz& method) {
    const bool gram = chosen_form(item_, method) == NewtonSchulzForm::gram;
    const int steps = static_cast<int>(method.steps.size());
    if (!start(gram ? 1 + restart_count(method) : steps)) return;
    if (gram) {
      run_gram(method);
    } else {
      run_standard(method);
    }
  }

 private:
  // X = in / ||in||_F, in the buffer from which `passes` moves end in the output. False if in is 0.
  bool start(int passes) {
    const std::size_t size = static_cast<std::size_t>(item_.rows) * item_.cols;
    const double norm = std::sqrt(dot(item_.in, item_.in, size, threads_));
    if (norm == 0.0) {
      std::fill_n(item_.out, size, 0.0F);
      return false;
    }
    x_ = passes % 2 == 0 ? item_.out : spare_;
    next_x_ = passes % 2 == 0 ? spare_ : item_.out;
    scale_into(item_.in, 1.0 / std::max(norm, kSmallestNorm), x_, size, threads_);
    return true;
  }

  // A = X X^T; B = b A + c A^2; X = a X + B X.
  void run_standard(const NewtonSchulz& method) {
    float* const a = squares_[0];
    float* const b = squares_[1];
    for (const Quintic& step : method.steps) {
      multiply_by_own_transpose(a);
      multiply(a, a, step.c, step.b, a, b);
      move_by(b, step.a);
    }
  }

  // The same polynomials on R = X X^T, gathering what X is to be multiplied with in Q.
  void run_gram(const NewtonSchulz& method) {
    auto [r, z, t, q, next_q] = squares_;
    const int count = static_cast<int>(method.steps.size());
    bool fresh = true;
    for (int i = 0; i < count; ++i) {
      const Quintic& step = method.steps[static_cast<std::size_t>(i)];
      if (restarts_before(method, i)) {
        move_by(q, 0.0);
        fresh = true;
      }
      if (fresh) multiply_by_own_transpose(r);
      multiply(r, r, step.c, step.b, r, z);
      if (fresh) {
        add_identity(z, step.a, q);
      } else {
        multiply(q, z, 1.0, step.a, q, next_q);
        std::swap(q, next_q);
      }
      fresh = false;
      if (i + 1 == count || restarts_before(method, i + 1)) continue;  // R is not read again
      multiply(r, z, 1.0, step.a, r, t);
      multiply(z, t, 1.0, step.a, t, r);
    }
    move_by(q, 0.0);
  }

  bool tall() const { return item_.rows > item_.cols; }

  void multiply_by_own_transpose(float* out) const {
    symmetric_product({.n = n_,
                       .k = long_side(item_),
                       .a = x_,
                       .lda = item_.cols,
                       .b = x_,
                       .ldb = item_.cols,
                       .c = out,
                       .transpose_a = tall() ? Transpose::yes : Transpose::no,
                       .transpose_b = tall() ? Transpose::no : Transpose::yes},
                      threads_);
  }

  // out = alpha a b + beta addend for n x n polynomials of the same symmetric matrix.
  void multiply(const float* a, const float* b, double alpha, double beta, const float* addend,
                float* out) const {
    symmetric_product({.n = n_,
                       .k = n_,
                       .a = a,
                       .lda = n_,
                       .b = b,
                       .ldb = n_,
                       .c = out,
                       .alpha = static_cast<float>(alpha),
                       .beta = static_cast<float>(beta),
                       .addend = addend},
                      threads_);
  }

  void add_identity(const float* in, double a, float* out) const {
    const auto n = static_cast<std::size_t>(n_);
    std::copy_n(in, n * n, out);
    for (std::size_t i = 0; i < n; ++i) out[i * n + i] += static_cast<float>(a);
  }

  // X <- Q X + a X.
  void move_by(const float* q, double a) {
    const int length = long_side(item_);
    const int width = is_small(item_) ? length : kPanel;
    const int panels = (length + width - 1) / width;
    const auto panel = [&](int i) {
      move_panel(q, static_cast<float>(a), i * width, std::min(length, (i + 1) * width));
    };
    if (threads_ == 1) {
      for (int i = 0; i < panels; ++i) panel(i);
    } else {
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads_)
      for (int i = 0; i < panels; ++i) panel(i);
    }
    std::swap(x_, next_x_);
  }

  void move_panel(const float* q, float a, int begin, int end) const {
    const int cols = item_.cols;
    const int rows_here = tall() ? end - begin : n_;
    const int cols_here = tall() ? n_ : end - begin;
    const std::size_t offset =
        tall() ? static_cast<std::size_t>(begin) * cols : static_cast<std::size_t>(begin);
    if (a != 0.0F) {
      for (int r = 0; r < rows_here; ++r) {
        const std::size_t from = offset + static_cast<std::size_t>(r) * cols;
        std::copy_n(x_ + from, cols_here, next_x_ + from);
      }
    }
    gemm({.m = rows_here,
          .n = cols_here,
          .k = n_,
          .a = tall() ? x_ + offset : q,
          .lda = n_,
          .b = tall() ? q : x_ + offset,
          .ldb = cols,
          .c = next_x_ + offset,
          .ldc = cols,
          .beta = a});
  }

  const DirectionItem& item_;
  int n_;
  int threads_;
  float* x_ = nullptr;
  float* next_x_ = nullptr;
  float* spare_;
  std::array<float*, kSquares> squares_{};
};

float* cache_line(float* memory) {
  const auto address = reinterpret_cast<std::uintptr_t>(memory);
  const std::uintptr_t bytes = kAlign * sizeof(float);
  return memory + ((bytes - address % bytes) % bytes) / sizeof(float);
}

}  // namespace

void CpuBackend::prepare_orthogonalize(std::span<const DirectionItem> items,
                                       const NewtonSchulz& /*method*/) {
  const std::size_t size = workspace_size(items) + kAlign;
  if (newton_schulz_workspace_.size() < size) newton_schulz_workspace_.resize(size);
}

void CpuBackend::orthogonalize(std::span<const DirectionItem> items, const NewtonSchulz& method) {
  DM_CHECK(!method.steps.empty(), "Newton-Schulz without steps");
  DM_CHECK(newton_schulz_workspace_.size() >= workspace_size(items) + kAlign,
           "prepare_orthogonalize() was not called for these shapes");
  float* const workspace = cache_line(newton_schulz_workspace_.data());
  // Inside the parallel region oneDNN uses one thread, so small matrices share the threads.
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads_)
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!is_small(items[i])) continue;
    Iteration(items[i], workspace + workspace_size(items.first(i)), 1).run(method);
  }
  for (const DirectionItem& item : items) {
    if (!is_small(item)) Iteration(item, workspace, threads_).run(method);
  }
}

}  // namespace dropmuon::cpu
