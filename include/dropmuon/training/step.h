// SPDX-License-Identifier: MIT
// One training step, the only place that knows its sequence: prepare, compute, move.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <dropmuon/engine/network.h>
#include <dropmuon/optim/optimizer.h>
#include <dropmuon/training/batch_source.h>
#include <dropmuon/training/options.h>

namespace dropmuon {

// What a step does. A backend records steps by `active`, so all steps with the same `active` must
// have the same `computed`.
struct StepPlan {
  ActiveSet active;            // layers that move
  ActiveSet computed;          // layers that get a gradient: `active`, or more
  double learning_rate = 0.0;  // as scheduled
};

// Network, optimizer and batches, and what a step needs besides. Allocates nothing once it is made.
class Step {
 public:
  // The network must be prepared for micro_batch images and for the rest that it leaves of a batch.
  Step(Backend& backend, std::unique_ptr<Network> network, std::unique_ptr<Optimizer> optimizer,
       std::unique_ptr<BatchSource> batches, int micro_batch);

  // The whole step on batch `index`. May return before the device is done.
  void run(std::int64_t index, const StepPlan& plan);

  // The same in two halves, with the same bits: between them all gradients of `computed` are
  // complete and no layer has moved. A step may end after the first.
  void compute(std::int64_t index, const ActiveSet& active, const ActiveSet& computed);
  void move(const StepPlan& plan);

  // Loss and hits of every batch since they were last set; waits for the device.
  LossSums sums() const;
  void set_sums(const LossSums& sums) { sums_.upload(&sums); }

  Network& network() { return *network_; }
  const Network& network() const { return *network_; }
  Optimizer& optimizer() { return *optimizer_; }
  const Optimizer& optimizer() const { return *optimizer_; }
  int batch_size() const { return batches_->batch_size(); }
  int micro_batch() const { return micro_batch_; }

 private:
  void compute_gradients(const ActiveSet& computed);
  void accumulate(const ActiveSet& computed, int begin, int end);
  void apply(const ActiveSet& active);

  Backend& backend_;
  std::unique_ptr<Network> network_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<BatchSource> batches_;
  int micro_batch_;
  Buffer<std::uint8_t> labels_;  // of a micro-batch
  Buffer<LossSums> sums_;
};

// A step of `experiment` on images of `input`: network with its initial weights, optimizer and
// micro-batch, and all memory. The network is also prepared to evaluate as many images as
// `evaluated` lists, cut into the same micro-batches. Recorded steps of this backend are forgotten:
// of several made for one backend only one may be in use, and forget_steps() comes before a change.
// Throws Error(bad_config) naming the key whose value does not fit.
std::unique_ptr<Step> make_step(Backend& backend, const Experiment& experiment,
                                const ModelInput& input, std::unique_ptr<BatchSource> batches,
                                const std::vector<int>& evaluated);

}  // namespace dropmuon
