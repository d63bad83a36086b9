// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>

#include <dropmuon/optim/lmo.h>

namespace dropmuon {

Norm LmoOptions::of(ParamKind kind) const {
  switch (kind) {
    case ParamKind::filter:
      return filter;
    case ParamKind::matrix:
      return matrix;
    case ParamKind::vector:
      return vector;
  }
  return vector;
}

double shape_scale(Scale scale, const Param& param) {
  if (param.kind == ParamKind::vector) return 1.0;
  const double rows = param.rows();
  const double cols = param.cols();
  switch (scale) {
    case Scale::none:
      return 1.0;
    case Scale::sqrt_ratio:
      return std::sqrt(std::max(1.0, rows / cols));
    case Scale::match_rms:
      return 0.2 * std::sqrt(std::max(rows, cols));
  }
  return 1.0;
}

}  // namespace dropmuon
