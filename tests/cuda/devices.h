// SPDX-License-Identifier: MIT
// Both devices of one program.
#pragma once

#include <memory>

#include "test_backend.h"

namespace dropmuon {

inline std::unique_ptr<Backend> on_cpu() { return make_backend({.device = "cpu"}); }

inline std::unique_ptr<Backend> on_cuda(bool graphs = true, Precision precision = Precision::fp32) {
  return make_backend({.device = "cuda", .precision = precision, .graphs = graphs});
}

}  // namespace dropmuon
