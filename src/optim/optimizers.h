// SPDX-License-Identifier: MIT
// One file each; make_optimizer() chooses.
#pragma once

#include <memory>
#include <span>

#include <dropmuon/optim/optimizer.h>

namespace dropmuon {

std::unique_ptr<Optimizer> make_muon(const OptimizerOptions& options, Backend& backend,
                                     std::span<Param> params, int depth);
std::unique_ptr<Optimizer> make_sgd(const OptimizerOptions& options, Backend& backend,
                                    std::span<Param> params, int depth);
std::unique_ptr<Optimizer> make_adamw(const OptimizerOptions& options, Backend& backend,
                                      std::span<Param> params, int depth);

}  // namespace dropmuon
