// SPDX-License-Identifier: MIT
// The published polynomial sets for Newton-Schulz orthogonalization.
#pragma once

#include <dropmuon/backend/newton_schulz.h>

namespace dropmuon {

enum class CoefficientSet {
  jordan,         // 3.4445, -4.7750, 2.0315 every step (Keller Jordan, Muon, 2024)
  you,            // five tuned steps (You Jiacheng, 2024)
  polar_express,  // minimax steps for singular values >= 1e-3 (Amsel et al., arXiv 2505.16932)
};

struct NewtonSchulzOptions {
  int steps = 5;
  CoefficientSet coefficients = CoefficientSet::jordan;
  double safety = 1.05;  // polar_express only: every polynomial p(x) becomes p(x / safety)
  NewtonSchulzForm form = NewtonSchulzForm::automatic;
};

// `you` has five steps; asking for more repeats the last one. Throws Error(bad_config) for steps <
// 1 or > 30.
NewtonSchulz make_newton_schulz(const NewtonSchulzOptions& options);

// The composed scalar map phi(x) applied to one singular value: the reference of the oracles.
double apply_scalar(const NewtonSchulz& method, double x);

}  // namespace dropmuon
