// SPDX-License-Identifier: MIT
// How Backend::orthogonalize iterates.
#pragma once

#include <vector>

namespace dropmuon {

// One odd quintic a x + b x^3 + c x^5 of a Newton-Schulz iteration.
struct Quintic {
  double a = 0.0;
  double b = 0.0;
  double c = 0.0;
};

// standard iterates on the matrix itself, gram on the small n x n side (algorithm: Gram
// Newton-Schulz, Dao-AILab 2026), automatic takes whichever needs fewer operations.
enum class NewtonSchulzForm { automatic, standard, gram };

struct NewtonSchulz {
  std::vector<Quintic> steps;  // applied in order, each once
  NewtonSchulzForm form = NewtonSchulzForm::automatic;
  std::vector<int> restarts = {2};  // gram only: recompute X X^T before these steps (0-based)
};

}  // namespace dropmuon
