// SPDX-License-Identifier: MIT
// Arguments of the optimizer operations, as the backends and the kernels take them. Each operation
// takes a span with one item per parameter, so that a device can treat all active layers in one
// launch.
#pragma once

#include <cstddef>

namespace dropmuon {

enum class Nesterov { no, yes };

// m <- mu m + grad_weight (g + coupled_decay w);  direction = m, or with Nesterov
// direction = mu m + grad_weight (g + coupled_decay w), with the new m.
// Muon's average has grad_weight = 1 - mu, SGD's heavy ball has grad_weight = 1. Without Nesterov
// direction may be the momentum's own memory.
struct MomentumRule {
  float mu = 0.95F;
  float grad_weight = 0.05F;
  float coupled_decay = 0.0F;
  Nesterov nesterov = Nesterov::no;
};

struct MomentumItem {
  std::size_t size = 0;
  const float* grad = nullptr;
  const float* value = nullptr;  // read only if coupled_decay is not 0
  float* momentum = nullptr;
  float* direction = nullptr;
};

// out = approximately U V^T for in = U S V^T (rows x cols, row-major): in is divided by its
// Frobenius norm, then the polynomials act on its singular values. Zero gives exactly zero.
struct DirectionItem {
  int rows = 0;
  int cols = 0;
  const float* in = nullptr;
  float* out = nullptr;
};

// The direction argmax {<in, D> : ||D|| <= 1} of norms that need no iteration. A zero input (or a
// zero column, zero row) gives zero.
enum class SimpleNorm {
  max_abs,    // D = sign(in)
  euclidean,  // D = in / ||in||_2 over all elements
  column,     // each column divided by its 2-norm
  row,        // each row divided by its 2-norm
};

struct NormalizeItem {
  SimpleNorm norm = SimpleNorm::euclidean;
  DirectionItem matrix;  // out may be in itself
};

// result = <in, direction>: the dual norm of `in` when direction is its LMO direction.
struct DualNormItem {
  std::size_t size = 0;
  const float* in = nullptr;
  const float* direction = nullptr;
  float* result = nullptr;  // one element
};

// How far a parameter was moved: 2-norms over all its elements of new value minus old, each rounded
// once from a sum in double.
struct Change {
  float last = 0.0F;   // in the latest step
  float total = 0.0F;  // the norms of all steps, added up: 0 only if no element ever changed
};

// value <- value * keep - scale * learning_rate * dual_norm * direction, in fp32.
struct UpdateItem {
  std::size_t size = 0;
  float* value = nullptr;
  const float* direction = nullptr;
  float scale = 1.0F;                    // fixed shape factor
  const float* learning_rate = nullptr;  // one element; changes every step
  const float* keep = nullptr;           // one element, 1 - lr * weight decay; null: 1
  const float* dual_norm = nullptr;      // one element; null: 1 (radius step)
  Change* change = nullptr;              // one element, brought up to date; null: not wanted
};

// The values that change from step to step for one parameter.
struct AdamScalars {
  float learning_rate = 0.0F;
  float keep = 1.0F;               // 1 - lr * weight decay
  float first_correction = 1.0F;   // 1 / (1 - beta1^t)
  float second_correction = 1.0F;  // 1 / (1 - beta2^t)
};

// The complements are passed on their own: 1 - beta2 from a rounded beta2 would be far off near 1.
struct AdamRule {
  float beta1 = 0.9F;
  float beta2 = 0.999F;
  float first_weight = 0.1F;     // 1 - beta1
  float second_weight = 0.001F;  // 1 - beta2
  float epsilon = 1e-8F;
};

// m <- beta1 m + (1-beta1) g; v <- beta2 v + (1-beta2) g^2;
// value <- value * keep - lr * (m * first_correction) / (sqrt(v * second_correction) + epsilon)
struct AdamItem {
  std::size_t size = 0;
  float* value = nullptr;
  const float* grad = nullptr;
  float* first = nullptr;
  float* second = nullptr;
  const AdamScalars* scalars = nullptr;
  Change* change = nullptr;  // one element, brought up to date; null: not wanted
};

}  // namespace dropmuon
