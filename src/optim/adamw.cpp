// SPDX-License-Identifier: MIT
// Adam with decoupled weight decay (Loshchilov and Hutter, 2019). Each layer has its own step
// counter: with partial updates a global one would correct the averages of rarely moved layers
// wrongly.
#include <cmath>

#include "optimizers.h"
#include "parameter_state.h"

namespace dropmuon {
namespace {

class AdamW final : public Optimizer {
 public:
  AdamW(const OptimizerOptions& options, Backend& backend, std::span<Param> params, int depth)
      : Optimizer(backend, params, depth),
        backend_(backend),
        params_(params),
        options_(options),
        rule_{.beta1 = static_cast<float>(options.beta1),
              .beta2 = static_cast<float>(options.beta2),
              .first_weight = static_cast<float>(1.0 - options.beta1),
              .second_weight = static_cast<float>(1.0 - options.beta2),
              .epsilon = static_cast<float>(options.epsilon)},
        first_(backend, params),
        second_(backend, params),
        layer_scalars_(static_cast<std::size_t>(depth)),
        device_scalars_(backend, static_cast<std::size_t>(depth)) {
    items_.reserve(params.size());
  }

  void prepare(const ActiveSet& active, double lr) override {
    count_updates(active);
    for (int layer = 0; layer < active.depth(); ++layer) {
      if (!active.contains(layer)) continue;
      const auto i = static_cast<std::size_t>(layer);
      const auto t = static_cast<double>(layer_updates()[i]);
      layer_scalars_[i] = {
          .learning_rate = static_cast<float>(lr),
          .keep = static_cast<float>(1.0 - lr * options_.weight_decay),
          .first_correction = static_cast<float>(1.0 / (1.0 - std::pow(options_.beta1, t))),
          .second_correction = static_cast<float>(1.0 / (1.0 - std::pow(options_.beta2, t)))};
    }
    device_scalars_.upload(layer_scalars_.data());
  }

  void step(const ActiveSet& active) override {
    items_.clear();
    for (std::size_t i = 0; i < params_.size(); ++i) {
      const Param& param = params_[i];
      if (!active.contains(param.layer)) continue;
      items_.push_back({.size = param.size(),
                        .value = param.value,
                        .grad = param.grad,
                        .first = first_.of(i),
                        .second = second_.of(i),
                        .scalars = device_scalars_.data() + param.layer,
                        .change = change_of(i)});
    }
    backend_.apply_adam(items_, rule_);
  }

  std::vector<StateTensor> state() override {
    std::vector<StateTensor> out;
    first_.describe(params_, "first_moment", out);
    second_.describe(params_, "second_moment", out);
    return out;
  }

 private:
  Backend& backend_;
  std::span<Param> params_;
  OptimizerOptions options_;
  AdamRule rule_;
  ParameterState first_;
  ParameterState second_;
  std::vector<AdamScalars> layer_scalars_;
  Buffer<AdamScalars> device_scalars_;
  std::vector<AdamItem> items_;
};

}  // namespace

std::unique_ptr<Optimizer> make_adamw(const OptimizerOptions& options, Backend& backend,
                                      std::span<Param> params, int depth) {
  return std::make_unique<AdamW>(options, backend, params, depth);
}

}  // namespace dropmuon
