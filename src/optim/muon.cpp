// SPDX-License-Identifier: MIT
// Muon, and with a partial active set Drop-Muon. For each active parameter:
//   M <- mu M + (1 - mu) g           U = M, or with Nesterov mu M + (1 - mu) g
//   D = the LMO direction of U in the norm of the parameter's kind
//   X <- X (1 - lr wd) - lr scale D               (radius step)
//   X <- X (1 - lr wd) - lr scale ||U||_* D       (sharp step)
#include "optimizers.h"
#include "parameter_state.h"
#include <dropmuon/core/error.h>

namespace dropmuon {
namespace {

SimpleNorm simple_norm(Norm norm) {
  switch (norm) {
    case Norm::sign:
      return SimpleNorm::max_abs;
    case Norm::euclidean:
      return SimpleNorm::euclidean;
    case Norm::column:
      return SimpleNorm::column;
    case Norm::row:
      return SimpleNorm::row;
    case Norm::spectral:
      break;
  }
  fail(ExitCode::internal, "the spectral norm has no closed-form direction");
}

class Muon final : public Optimizer {
 public:
  Muon(const OptimizerOptions& options, Backend& backend, std::span<Param> params, int depth)
      : Optimizer(backend, params, depth),
        backend_(backend),
        params_(params),
        options_(options),
        rule_{.mu = static_cast<float>(options.momentum),
              .grad_weight = static_cast<float>(1.0 - options.momentum),
              .nesterov = options.nesterov},
        method_(make_newton_schulz(options.newton_schulz)),
        momentum_(backend, params),
        ahead_(backend, options.nesterov == Nesterov::yes ? params : params.first(0)),
        direction_(backend, params),
        dual_norms_(backend, params.size()),
        scalars_(backend, options.weight_decay) {
    momentum_items_.reserve(params.size());
    spectral_items_.reserve(params.size());
    simple_items_.reserve(params.size());
    dual_items_.reserve(params.size());
    update_items_.reserve(params.size());
    collect(ActiveSet::all(depth));
    backend.prepare_orthogonalize(spectral_items_, method_);
  }

  void prepare(const ActiveSet& active, double lr) override {
    count_updates(active);
    scalars_.set(lr);
  }

  void step(const ActiveSet& active) override {
    collect(active);
    backend_.update_momentum(momentum_items_, rule_);
    if (!spectral_items_.empty()) backend_.orthogonalize(spectral_items_, method_);
    if (!simple_items_.empty()) backend_.normalize(simple_items_);
    if (options_.step == StepMode::sharp) backend_.dual_norms(dual_items_);
    backend_.apply_update(update_items_);
  }

  std::vector<StateTensor> state() override {
    std::vector<StateTensor> out;
    momentum_.describe(params_, "momentum", out);
    return out;
  }

 private:
  // Fills the argument lists for the active layers, in the memory reserved for all of them.
  void collect(const ActiveSet& active) {
    momentum_items_.clear();
    spectral_items_.clear();
    simple_items_.clear();
    dual_items_.clear();
    update_items_.clear();
    for (std::size_t i = 0; i < params_.size(); ++i) {
      if (active.contains(params_[i].layer)) collect(i);
    }
  }

  void collect(std::size_t i) {
    const Param& param = params_[i];
    const std::size_t size = param.size();
    float* momentum = momentum_.of(i);
    float* input = options_.nesterov == Nesterov::yes ? ahead_.of(i) : momentum;
    float* direction = direction_.of(i);
    momentum_items_.push_back({size, param.grad, param.value, momentum, input});

    const DirectionItem matrix = {param.rows(), param.cols(), input, direction};
    const Norm norm = options_.lmo.of(param.kind);
    if (norm == Norm::spectral) {
      spectral_items_.push_back(matrix);
    } else {
      simple_items_.push_back({simple_norm(norm), matrix});
    }

    float* dual_norm = options_.step == StepMode::sharp ? dual_norms_.data() + i : nullptr;
    dual_items_.push_back({size, input, direction, dual_norm});
    update_items_.push_back({.size = size,
                             .value = param.value,
                             .direction = direction,
                             .scale = static_cast<float>(shape_scale(options_.scale, param)),
                             .learning_rate = scalars_.learning_rate(),
                             .keep = scalars_.keep(),
                             .dual_norm = dual_norm,
                             .change = change_of(i)});
  }

  Backend& backend_;
  std::span<Param> params_;
  OptimizerOptions options_;
  MomentumRule rule_;
  NewtonSchulz method_;
  ParameterState momentum_;
  ParameterState ahead_;  // mu M + (1 - mu) g, Nesterov only
  ParameterState direction_;
  Buffer<float> dual_norms_;  // one per parameter, sharp step only
  StepScalars scalars_;
  std::vector<MomentumItem> momentum_items_;
  std::vector<DirectionItem> spectral_items_;
  std::vector<NormalizeItem> simple_items_;
  std::vector<DualNormItem> dual_items_;
  std::vector<UpdateItem> update_items_;
};

}  // namespace

std::unique_ptr<Optimizer> make_muon(const OptimizerOptions& options, Backend& backend,
                                     std::span<Param> params, int depth) {
  return std::make_unique<Muon>(options, backend, params, depth);
}

}  // namespace dropmuon
