// SPDX-License-Identifier: MIT
// What all optimizers have in common.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include <dropmuon/backend/backend.h>
#include <dropmuon/backend/buffer.h>
#include <dropmuon/core/active_set.h>
#include <dropmuon/core/param.h>
#include <dropmuon/optim/lmo.h>
#include <dropmuon/optim/newton_schulz_coefficients.h>

namespace dropmuon {

enum class OptimizerType { muon, sgd, adamw };
enum class StepMode {
  radius,  // X <- X - lr scale D           (the LMO of a ball of fixed radius)
  sharp,   // X <- X - lr scale ||M||_* D   (the sharp operator; lr is the paper's gamma)
};

struct OptimizerOptions {
  OptimizerType type = OptimizerType::muon;
  double lr = 0.1;
  double momentum = 0.95;  // mu, the weight of the OLD momentum (the paper's beta is 1 - mu)
  Nesterov nesterov = Nesterov::no;
  double weight_decay = 0.0;
  StepMode step = StepMode::radius;   // muon
  Scale scale = Scale::sqrt_ratio;    // muon
  NewtonSchulzOptions newton_schulz;  // muon
  LmoOptions lmo;                     // muon
  double beta1 = 0.9;                 // adamw
  double beta2 = 0.999;               // adamw
  double epsilon = 1e-8;              // adamw
};

// A named piece of optimizer state, for checkpoints.
struct StateTensor {
  std::string name;  // "layers.2.weight.momentum"
  float* data = nullptr;
  std::size_t size = 0;
};

// Moves parameters. A layer outside the active set keeps its weights and all its optimizer state
// bit for bit: no decay, no accumulation, no step count.
class Optimizer {
 public:
  virtual ~Optimizer() = default;

  // Host side of a step: puts the learning rate (already scheduled) and whatever else changes from
  // step to step into device memory. Call once per step, before Backend::run_step.
  virtual void prepare(const ActiveSet& active, double lr) = 0;

  // Device side: one grouped update of all parameters whose layer is active. Gradients are read
  // only.
  virtual void step(const ActiveSet& active) = 0;

  virtual std::vector<StateTensor> state() = 0;

  // Times each layer has moved, by layer; part of the state to save.
  const std::vector<std::int64_t>& layer_updates() const { return layer_updates_; }
  void set_layer_updates(const std::vector<std::int64_t>& updates);

  // How far each parameter has moved, in the order of the parameters; part of the state to save.
  // Waits for the device.
  std::vector<Change> changes() const;
  void set_changes(const std::vector<Change>& changes);

 protected:
  Optimizer(Backend& backend, std::span<const Param> params, int depth);
  void count_updates(const ActiveSet& active);
  Change* change_of(std::size_t param) const { return changes_.data() + param; }

 private:
  Buffer<Change> changes_;
  std::vector<std::int64_t> layer_updates_;
};

// `params` must outlive the optimizer. Throws Error(bad_config) for values out of range.
std::unique_ptr<Optimizer> make_optimizer(const OptimizerOptions& options, Backend& backend,
                                          std::span<Param> params, int depth);

}  // namespace dropmuon
