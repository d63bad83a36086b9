// SPDX-License-Identifier: MIT
// Stochastic gradient descent with heavy-ball momentum and coupled weight decay:
// v <- mu v + g + wd X;  X <- X - lr v, or with Nesterov X <- X - lr (g + wd X + mu v).
#include "optimizers.h"
#include "parameter_state.h"

namespace dropmuon {
namespace {

class Sgd final : public Optimizer {
 public:
  Sgd(const OptimizerOptions& options, Backend& backend, std::span<Param> params, int depth)
      : Optimizer(backend, params, depth),
        backend_(backend),
        params_(params),
        rule_{.mu = static_cast<float>(options.momentum),
              .grad_weight = 1.0F,
              .coupled_decay = static_cast<float>(options.weight_decay),
              .nesterov = options.nesterov},
        momentum_(backend, params),
        ahead_(backend, options.nesterov == Nesterov::yes ? params : params.first(0)),
        scalars_(backend, 0.0) {
    momentum_items_.reserve(params.size());
    update_items_.reserve(params.size());
  }

  void prepare(const ActiveSet& active, double lr) override {
    count_updates(active);
    scalars_.set(lr);
  }

  void step(const ActiveSet& active) override {
    momentum_items_.clear();
    update_items_.clear();
    for (std::size_t i = 0; i < params_.size(); ++i) {
      const Param& param = params_[i];
      if (!active.contains(param.layer)) continue;
      float* momentum = momentum_.of(i);
      float* direction = rule_.nesterov == Nesterov::yes ? ahead_.of(i) : momentum;
      momentum_items_.push_back({param.size(), param.grad, param.value, momentum, direction});
      update_items_.push_back({.size = param.size(),
                               .value = param.value,
                               .direction = direction,
                               .learning_rate = scalars_.learning_rate(),
                               .change = change_of(i)});
    }
    backend_.update_momentum(momentum_items_, rule_);
    backend_.apply_update(update_items_);
  }

  std::vector<StateTensor> state() override {
    std::vector<StateTensor> out;
    momentum_.describe(params_, "momentum", out);
    return out;
  }

 private:
  Backend& backend_;
  std::span<Param> params_;
  MomentumRule rule_;
  ParameterState momentum_;
  ParameterState ahead_;  // mu v + g, Nesterov only
  StepScalars scalars_;
  std::vector<MomentumItem> momentum_items_;
  std::vector<UpdateItem> update_items_;
};

}  // namespace

std::unique_ptr<Optimizer> make_sgd(const OptimizerOptions& options, Backend& backend,
                                    std::span<Param> params, int depth) {
  return std::make_unique<Sgd>(options, backend, params, depth);
}

}  // namespace dropmuon
