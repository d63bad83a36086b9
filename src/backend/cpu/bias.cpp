// SPDX-License-Identifier: MIT
#include <algorithm>

#include "cpu_backend.h"
#include <dropmuon/core/error.h>

namespace dropmuon::cpu {

void CpuBackend::add_bias(const AddBias& args) {
  DM_CHECK(args.n > 0 && args.features > 0, "add_bias of nothing");
  for (int i = 0; i < args.n; ++i) {
    float* row = args.y + static_cast<std::size_t>(i) * args.features;
    for (int j = 0; j < args.features; ++j) row[j] += args.bias[j];
  }
}

void CpuBackend::bias_gradient(const BiasGradient& args) {
  DM_CHECK(args.n > 0 && args.features > 0, "bias_gradient of nothing");
  if (args.mode == GradMode::overwrite) std::fill(args.dbias, args.dbias + args.features, 0.0F);
  for (int i = 0; i < args.n; ++i) {
    const float* row = args.dy + static_cast<std::size_t>(i) * args.features;
    for (int j = 0; j < args.features; ++j) args.dbias[j] += row[j];
  }
}

}  // namespace dropmuon::cpu
