// SPDX-License-Identifier: MIT
// Linear minimization oracles: the steepest-descent direction in a parameter's norm.
#pragma once

#include <span>
#include <string_view>

#include <dropmuon/backend/backend.h>
#include <dropmuon/core/param.h>

namespace dropmuon {

// The norm a parameter kind is given. The LMO of the unit ball at M is minus the direction D below;
// the dual norm is <M, D>.
//   spectral   D = U V^T by Newton-Schulz, dual = nuclear norm
//   sign       max-abs norm: D = sign(M), dual = sum of |M|
//   euclidean  Frobenius norm: D = M / ||M||_F, dual = ||M||_F
//   column     largest column 2-norm: D = columns normalised, dual = sum of column norms
//   row        largest row 2-norm: D = rows normalised, dual = sum of row norms
enum class Norm { spectral, sign, euclidean, column, row };

struct LmoOptions {
  Norm filter = Norm::spectral;
  Norm matrix = Norm::spectral;
  Norm vector = Norm::euclidean;
  Norm of(ParamKind kind) const;
};

// Factor on the direction, from the flattened shape rows x cols (Muon-pytorch issue 63: taking it
// from the 4-D filter is wrong). Vectors always have 1.
//   none        1
//   sqrt_ratio  sqrt(max(1, rows / cols))               (Keller Jordan)
//   match_rms   0.2 sqrt(max(rows, cols))               (Moonlight, arXiv 2502.16982)
enum class Scale { none, sqrt_ratio, match_rms };
double shape_scale(Scale scale, const Param& param);

}  // namespace dropmuon
