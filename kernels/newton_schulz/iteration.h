// SPDX-License-Identifier: MIT
// Newton-Schulz as a sequence of matrix products, stated once: the staged launches and the fused
// kernel both walk through it and compute the same bits.
#pragma once

#include <cuda_runtime_api.h>

#include "newton_schulz/product.h"

namespace dropmuon::kernels {

// Coefficients of the quintics and where the Gram form starts anew, small enough to travel as a
// kernel argument.
struct Polynomials {
  static constexpr int kMaxSteps = 32;
  int steps;
  unsigned restarts;  // bit i: recompute X X^T before step i
  float a[kMaxSteps], b[kMaxSteps], c[kMaxSteps];
};

// One matrix and its memory. X is `in` seen as n x m with n <= m; a tall `in` holds X^T.
struct Iterand {
  static constexpr int kSquares = 5;
  const float* in;
  float* scale;              // one element: what `in` is to be multiplied with
  float* out;                // not `in`
  float* spare;              // as large as in; unused by the Gram form without restarts
  float* squares[kSquares];  // n x n each
  int rows, cols;
  bool gram;
};

// The products of one matrix's iteration, in order. For X <- (a I + b X X^T + c (X X^T)^2) X
//   standard form: A = X X^T; B = b A + c A^2; X = a X + B X, in every step;
//   Gram form: R = X X^T, then in every step Z = b R + c R^2; Q = Q Z + a Q; T = R Z + a R;
//   R = Z T + a T; at the end X = Q X. At first Q = Z + a I.
class Iteration {
 public:
  Iteration() = default;  // trivial, so that it can lie in shared memory

  // `method` must outlive the iteration.
  __host__ __device__ void start(const Iterand& item, const Polynomials& method) {
    item_ = item;
    method_ = &method;
    x_ = item.in;
    q_ = item.squares[2];
    next_q_ = item.squares[3];
    passes_ = passes(item.gram, method);
    step_ = 0;
    phase_ = Phase::own;
  }

  // How often X is replaced. The last time it becomes `out`, the time before `spare`, and so on.
  __host__ __device__ static int passes(bool gram, const Polynomials& method) {
    if (!gram) return method.steps;
    int passes = 1;
    for (int i = 1; i < method.steps; ++i) passes += static_cast<int>(method.restarts >> i & 1U);
    return passes;
  }

  // Sets the next product; false at the end.
  __host__ __device__ bool next(Product& product) {
    if (phase_ == Phase::done) return false;
    float* const r = item_.squares[0];
    float* const z = item_.squares[1];
    float* const t = item_.squares[4];
    const float a = method_->a[step_];
    ends_stage_ = true;
    switch (phase_) {
      case Phase::own:
        product = own_product(r);
        fresh_ = true;
        phase_ = Phase::square;
        return true;
      case Phase::square:
        product = polynomial(r, r, method_->c[step_], method_->b[step_], r, z);
        if (!item_.gram) {
          phase_ = Phase::move;
        } else if (fresh_) {  // Q = Z + a I, before anything is rounded
          product.shifted = q_;
          product.shift = a;
          phase_ = after_q();
        } else {
          phase_ = Phase::q;
        }
        return true;
      case Phase::q: {
        product = polynomial(q_, z, 1.0F, a, q_, next_q_);
        float* const old = q_;
        q_ = next_q_;
        next_q_ = old;
        phase_ = after_q();
        ends_stage_ = phase_ != Phase::t;  // T does not wait for Q
        return true;
      }
      case Phase::t:
        product = polynomial(r, z, 1.0F, a, r, t);
        phase_ = Phase::r;
        return true;
      case Phase::r:
        product = polynomial(z, t, 1.0F, a, t, r);
        fresh_ = false;
        ++step_;
        phase_ = Phase::square;
        return true;
      case Phase::move:
        product = item_.gram ? moved_by(q_, 0.0F) : moved_by(z, a);
        phase_ = ++step_ < method_->steps ? Phase::own : Phase::done;
        return true;
      default:
        return false;
    }
  }

  // Whether the product after the one just set must wait for it.
  __host__ __device__ bool ends_stage() const { return ends_stage_; }

 private:
  enum class Phase { own, square, q, t, r, move, done };

  // R is not needed any more at the end and before a restart.
  __host__ __device__ Phase after_q() const {
    return step_ + 1 < method_->steps && !restarts_before(step_ + 1) ? Phase::t : Phase::move;
  }

  __host__ __device__ bool tall() const { return item_.rows > item_.cols; }
  __host__ __device__ int side() const { return tall() ? item_.cols : item_.rows; }
  __host__ __device__ int length() const { return tall() ? item_.rows : item_.cols; }
  __host__ __device__ bool restarts_before(int i) const {
    return i > 0 && (method_->restarts >> i & 1U) != 0;
  }

  // out = X X^T. Row i of X is row i of the matrix, or its column i if it is tall.
  __host__ __device__ Product own_product(float* out) const {
    const Factor x = {x_, tall() ? 1 : item_.cols, tall() ? item_.cols : 1, x_ == item_.in};
    return {.a = x,
            .b = x,
            .d = nullptr,
            .c = out,
            .shifted = nullptr,
            .scale = item_.scale,
            .rows = side(),
            .cols = side(),
            .depth = length(),
            .stride = side(),
            .alpha = 1.0F,
            .beta = 0.0F,
            .shift = 0.0F,
            .scaled_d = false,
            .symmetric = true};
  }

  // out = alpha a b + beta d for polynomials of the same symmetric matrix.
  __host__ __device__ Product polynomial(const float* a, const float* b, float alpha, float beta,
                                         const float* d, float* out) const {
    const int n = side();
    return {.a = {a, 1, n, false},
            .b = {b, 1, n, false},
            .d = d,
            .c = out,
            .shifted = nullptr,
            .scale = nullptr,
            .rows = n,
            .cols = n,
            .depth = n,
            .stride = n,
            .alpha = alpha,
            .beta = beta,
            .shift = 0.0F,
            .scaled_d = false,
            .symmetric = true};
  }

  // X = Q X + a X, the last time into the output. Q being symmetric, a tall matrix is X^T Q.
  __host__ __device__ Product moved_by(const float* q, float a) {
    float* const to = --passes_ % 2 == 0 ? item_.out : item_.spare;
    const bool scaled = x_ == item_.in;
    const Factor symmetric = {q, 1, side(), false};
    const Factor x = {x_, tall() ? item_.cols : 1, tall() ? 1 : item_.cols, scaled};
    const float* const from = x_;
    x_ = to;
    return {.a = tall() ? x : symmetric,
            .b = tall() ? symmetric : x,
            .d = a == 0.0F ? nullptr : from,
            .c = to,
            .shifted = nullptr,
            .scale = item_.scale,
            .rows = item_.rows,
            .cols = item_.cols,
            .depth = side(),
            .stride = item_.cols,
            .alpha = 1.0F,
            .beta = a,
            .shift = 0.0F,
            .scaled_d = scaled,
            .symmetric = false};
  }

  Iterand item_;
  const Polynomials* method_;
  const float* x_;
  float* q_;
  float* next_q_;
  int passes_;
  int step_;
  Phase phase_;
  bool fresh_;  // R is new and Q not yet set
  bool ends_stage_;
};

}  // namespace dropmuon::kernels
