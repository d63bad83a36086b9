// SPDX-License-Identifier: MIT
#pragma once

namespace dropmuon::kernels {

// How far a tensor was moved: 2-norms of new value minus old, each rounded once from a sum in
// double.
struct Change {
  float last;   // in the latest step
  float total;  // of all steps, added up
};

}  // namespace dropmuon::kernels
