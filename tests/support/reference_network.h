// SPDX-License-Identifier: MIT
// The whole model in scalar double precision: forward, loss, gradients of every parameter.
#pragma once

#include "reference.h"
#include <dropmuon/engine/model_options.h>

namespace dropmuon::reference {

// Parameters in the engine's order: filter, bias per conv layer, then matrix, bias of the head.
using Parameters = std::vector<Values>;

class ReferenceNetwork {
 public:
  ReferenceNetwork(const ModelOptions& options, const ModelInput& input);
  std::size_t parameter_count() const { return 2 * convs_.size() + 2; }

  struct Result {
    double loss = 0.0;  // mean cross-entropy
    Values logits;
    Parameters gradients;
  };
  Result run(int n, const Values& x, const std::vector<std::uint8_t>& labels,
             const Parameters& parameters) const;

 private:
  std::vector<Conv2dShape> convs_;
  std::vector<int> pools_;
  ImageShape head_input_;
  bool average_ = false;
  int classes_;
};

}  // namespace dropmuon::reference
