// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>

#include "cpu_backend.h"
#include <dropmuon/core/error.h>

namespace dropmuon::cpu {

// Serial: a few thousand values per micro-batch, and the sums keep one fixed order.
void CpuBackend::softmax_cross_entropy(const SoftmaxCrossEntropy& args) {
  DM_CHECK(args.n > 0 && args.classes > 0, "softmax_cross_entropy of nothing");
  for (int i = 0; i < args.n; ++i) {
    const auto offset = static_cast<std::size_t>(i) * args.classes;
    const float* logits = args.logits + offset;
    const float* largest = std::max_element(logits, logits + args.classes);
    const int label = args.labels[i];
    double sum = 0.0;
    bool finite = true;
    for (int k = 0; k < args.classes; ++k) {
      sum += std::exp(static_cast<double>(logits[k]) - static_cast<double>(*largest));
      finite = finite && std::isfinite(logits[k]);
    }
    const double log_sum = std::log(sum) + static_cast<double>(*largest);
    args.sums->loss += finite ? log_sum - static_cast<double>(logits[label]) : std::nan("");
    args.sums->correct += finite && largest - logits == label ? 1 : 0;
    args.sums->count += 1;
    if (args.dlogits == nullptr) continue;
    for (int k = 0; k < args.classes; ++k) {
      const double p = std::exp(static_cast<double>(logits[k]) - log_sum);
      const double target = k == label ? 1.0 : 0.0;
      args.dlogits[offset + k] = static_cast<float>((p - target) * args.gradient_scale);
    }
  }
}

}  // namespace dropmuon::cpu
