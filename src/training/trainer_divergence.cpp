// SPDX-License-Identifier: MIT
// What the trainer does about numbers that are not finite.
#include <algorithm>
#include <cmath>
#include <span>

#include <dropmuon/core/error.h>
#include <dropmuon/core/log.h>
#include <dropmuon/training/trainer.h>

namespace dropmuon {
namespace {

bool all_finite(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float x) { return std::isfinite(x); });
}

// "" if all are finite.
std::string first_bad_tensor(const Checkpoint& checkpoint) {
  for (const auto* tensors : {&checkpoint.weights, &checkpoint.optimizer}) {
    for (const NamedTensor& tensor : *tensors) {
      if (!all_finite(tensor.values)) return tensor.name;
    }
  }
  return "";
}

}  // namespace

// The step in two halves, the second only if the first gave finite numbers. Each half has a key of
// its own; the complement of a set is none as long as a bit is free.
void Trainer::move_if_finite(std::int64_t index, const ActiveSet& active,
                             const ActiveSet& computed) {
  DM_CHECK(active.depth() < ActiveSet::kMaxDepth, "skipping steps needs fewer than {} layers",
           ActiveSet::kMaxDepth);
  backend_.run_step(active.key(), [&] { compute(computed); });
  const LossSums sums = running_sums();
  std::string problem;
  if (!std::isfinite(sums.loss)) {
    problem = fmt::format("the loss is {}", sums.loss);
  } else if (const std::string tensor = first_bad_gradient(computed); !tensor.empty()) {
    problem = fmt::format("the gradient of {} is not finite", tensor);
  }
  if (problem.empty()) {
    good_sums_ = sums;
    skips_in_a_row_ = 0;
    prepare_move(index, active);
    backend_.run_step(~active.key(), [&] {
      backend_.mark(Phase::optimizer);
      move(active);
    });
    return;
  }
  sums_.upload(&good_sums_);
  ++result_.skipped_steps;
  if (++skips_in_a_row_ > experiment_.train.non_finite.max_skips) {
    diverge(fmt::format("{}, and {} steps in a row were left out", problem, skips_in_a_row_));
  } else {
    log::warning("step {} is left out: {}", steps_done_ + 1, problem);
  }
}

std::string Trainer::first_bad_gradient(const ActiveSet& computed) {
  for (const Param& param : network_->params()) {
    if (!computed.contains(param.layer)) continue;
    if (gradient_copy_.size() < param.size()) gradient_copy_.resize(param.size());
    backend_.download(gradient_copy_.data(), param.grad, param.size() * sizeof(float));
    if (!all_finite({gradient_copy_.data(), param.size()})) return param.name;
  }
  return "";
}

// Only a state that the run can go on from is worth keeping.
void Trainer::save(TrainObserver& observer, bool best) {
  const LossSums sums = running_sums();
  if (!std::isfinite(sums.loss)) {
    diverge(fmt::format("the training loss is {}", sums.loss));
    return;
  }
  const Checkpoint state = checkpoint();
  const std::string tensor = first_bad_tensor(state);
  if (tensor.empty()) {
    observer.on_checkpoint(state, best);
  } else {
    diverge(fmt::format("{} is not finite", tensor));
  }
}

void Trainer::diverge(const std::string& problem) {
  result_.status = TrainStatus::diverged;
  result_.problem = fmt::format("after step {}: {}", steps_done_, problem);
  const std::string tensor = first_bad_tensor(checkpoint());
  if (!tensor.empty() && problem.find(tensor) == std::string::npos) {
    result_.problem += fmt::format("; the first tensor that is not finite is {}", tensor);
  }
  log::warning("{}", result_.problem);
}

// What was spent stays spent: the clock and the FLOP counter go on.
bool Trainer::roll_back(TrainObserver& observer) {
  const NonFiniteOptions& options = experiment_.train.non_finite;
  if (options.policy != NonFinite::rollback || result_.rollbacks >= options.max_rollbacks) {
    return false;
  }
  const std::optional<Checkpoint> last = observer.on_rollback();
  if (!last) return false;
  add_phases();
  const PhaseSeconds phases = phases_;
  const double seconds = clock_.seconds();
  const double paused_before = paused_before_;
  const double flops = flops_;
  const int rollbacks = result_.rollbacks + 1;
  restore(*last);
  phases_ = phases;
  clock_.set_seconds(seconds);
  paused_before_ = paused_before;  // the checkpoint has this process's own pauses in it
  logged_seconds_ = seconds;
  flops_ = flops;
  result_.rollbacks = std::max(rollbacks, result_.rollbacks + 1);
  result_.status = TrainStatus::done;
  result_.problem.clear();
  log::warning("back to step {}, with the learning rate divided by {:.0f}", steps_done_,
               std::ldexp(1.0, result_.rollbacks));
  return true;
}

}  // namespace dropmuon
