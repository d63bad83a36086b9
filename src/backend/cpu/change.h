// SPDX-License-Identifier: MIT
// Notes how far an update moved a parameter.
#pragma once

#include <cmath>

#include <dropmuon/ops/optimizer_args.h>

namespace dropmuon::cpu {

// squares: the sum of the squares of new value minus old.
inline void note_change(Change* change, double squares) {
  if (change == nullptr) return;
  change->last = static_cast<float>(std::sqrt(squares));
  change->total += change->last;
}

}  // namespace dropmuon::cpu
