// SPDX-License-Identifier: MIT
#include <cmath>
#include <string_view>

#include "optimizers.h"
#include "parameter_state.h"
#include <dropmuon/core/error.h>
#include <dropmuon/optim/optimizer.h>

namespace dropmuon {
namespace {

void check(bool good, std::string_view key, std::string_view range, double value) {
  if (!good) fail(ExitCode::bad_config, "optimizer.{} must be {}, not {}", key, range, value);
}

void check_fraction(std::string_view key, double value) {
  check(value >= 0.0 && value < 1.0, key, "at least 0 and below 1", value);
}

void check_options(const OptimizerOptions& options) {
  check(options.lr > 0.0 && std::isfinite(options.lr), "lr", "positive and finite", options.lr);
  check_fraction("momentum", options.momentum);
  check(options.weight_decay >= 0.0 && std::isfinite(options.weight_decay), "weight_decay",
        "finite and not negative", options.weight_decay);
  check_fraction("beta1", options.beta1);
  check_fraction("beta2", options.beta2);
  check(options.epsilon > 0.0 && std::isfinite(options.epsilon), "epsilon", "positive and finite",
        options.epsilon);
}

}  // namespace

Optimizer::Optimizer(Backend& backend, std::span<const Param> params, int depth)
    : changes_(backend, params.size()), layer_updates_(static_cast<std::size_t>(depth)) {
  changes_.zero();
}

std::vector<Change> Optimizer::changes() const {
  std::vector<Change> changes(changes_.size());
  changes_.download(changes.data());
  return changes;
}

void Optimizer::set_changes(const std::vector<Change>& changes) {
  DM_CHECK(changes.size() == changes_.size(), "changes of {} parameters for {}", changes.size(),
           changes_.size());
  changes_.upload(changes.data());
}

void Optimizer::set_layer_updates(const std::vector<std::int64_t>& updates) {
  DM_CHECK(updates.size() == layer_updates_.size(), "{} update counts for {} layers",
           updates.size(), layer_updates_.size());
  layer_updates_ = updates;
}

void Optimizer::count_updates(const ActiveSet& active) {
  DM_CHECK(active.depth() == static_cast<int>(layer_updates_.size()),
           "an active set of depth {} for {} layers", active.depth(), layer_updates_.size());
  for (int i = 0; i < active.depth(); ++i) {
    if (active.contains(i)) ++layer_updates_[static_cast<std::size_t>(i)];
  }
}

std::unique_ptr<Optimizer> make_optimizer(const OptimizerOptions& options, Backend& backend,
                                          std::span<Param> params, int depth) {
  check_options(options);
  for (const Param& param : params) {
    DM_CHECK(param.layer >= 0 && param.layer < depth, "{} belongs to layer {} of {}", param.name,
             param.layer, depth);
  }
  switch (options.type) {
    case OptimizerType::muon:
      return make_muon(options, backend, params, depth);
    case OptimizerType::sgd:
      return make_sgd(options, backend, params, depth);
    case OptimizerType::adamw:
      return make_adamw(options, backend, params, depth);
  }
  fail(ExitCode::internal, "unknown optimizer type");
}

}  // namespace dropmuon
