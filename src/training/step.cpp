// SPDX-License-Identifier: MIT
#include <algorithm>
#include <utility>

#include <dropmuon/training/micro_batch.h>
#include <dropmuon/training/step.h>

namespace dropmuon {

Step::Step(Backend& backend, std::unique_ptr<Network> network, std::unique_ptr<Optimizer> optimizer,
           std::unique_ptr<BatchSource> batches, int micro_batch)
    : backend_(backend),
      network_(std::move(network)),
      optimizer_(std::move(optimizer)),
      batches_(std::move(batches)),
      micro_batch_(micro_batch),
      labels_(backend, static_cast<std::size_t>(micro_batch)),
      sums_(backend, 1) {
  sums_.zero();
}

void Step::run(std::int64_t index, const StepPlan& plan) {
  batches_->next(index);
  optimizer_->prepare(plan.active, plan.learning_rate);
  backend_.run_step({.layers = plan.active.key(), .part = StepPart::whole}, [&] {
    compute_gradients(plan.computed);
    apply(plan.active);
  });
}

void Step::compute(std::int64_t index, const ActiveSet& active, const ActiveSet& computed) {
  batches_->next(index);
  backend_.run_step({.layers = active.key(), .part = StepPart::compute}, [&] {
    compute_gradients(computed);
    backend_.mark(Phase::idle);
  });
}

void Step::move(const StepPlan& plan) {
  optimizer_->prepare(plan.active, plan.learning_rate);
  backend_.run_step({.layers = plan.active.key(), .part = StepPart::move}, [&] {
    backend_.mark(Phase::optimizer);
    apply(plan.active);
  });
}

LossSums Step::sums() const {
  LossSums sums;
  sums_.download(&sums);
  return sums;
}

void Step::compute_gradients(const ActiveSet& computed) {
  accumulate(computed, 0, batches_->batch_size());
  backend_.mark(Phase::optimizer);
  network_->finish_gradients(computed);
}

// Forward and backward of images [begin, end), cut into micro-batches whose gradients add up.
void Step::accumulate(const ActiveSet& computed, int begin, int end) {
  const int classes = network_->layer(network_->depth() - 1).output_shape()[0];
  const float scale = 1.0F / static_cast<float>(batches_->batch_size());
  for (int offset = begin; offset < end; offset += micro_batch_) {
    const int n = std::min(micro_batch_, end - offset);
    backend_.mark(Phase::forward);
    batches_->load(offset, n, network_->input(), labels_.data());
    network_->forward(n, &computed);
    backend_.softmax_cross_entropy({.n = n,
                                    .classes = classes,
                                    .logits = network_->logits(),
                                    .labels = labels_.data(),
                                    .dlogits = network_->logits_gradient(),
                                    .gradient_scale = scale,
                                    .sums = sums_.data()});
    backend_.mark(Phase::backward);
    network_->backward(n, computed, offset == begin ? GradMode::overwrite : GradMode::accumulate);
  }
}

// Gradients of several devices would be added up before this.
void Step::apply(const ActiveSet& active) {
  optimizer_->step(active);
  network_->params_changed(active);
  backend_.mark(Phase::idle);
}

std::unique_ptr<Step> make_step(Backend& backend, const Experiment& experiment,
                                const ModelInput& input, std::unique_ptr<BatchSource> batches,
                                const std::vector<int>& evaluated) {
  backend.forget_steps();
  auto network = build_network(experiment.model, input, backend);
  auto optimizer =
      make_optimizer(experiment.optimizer, backend, network->params(), network->depth());
  const int batch_size = batches->batch_size();
  const int micro_batch =
      choose_micro_batch(experiment.train.micro_batch, batch_size, busiest_layer_bytes(*network),
                         backend.info().cache_bytes);
  std::vector<int> totals = {batch_size};
  totals.insert(totals.end(), evaluated.begin(), evaluated.end());
  network->prepare(micro_batch_sizes(micro_batch, totals));
  initialise(*network, backend, experiment.seed);
  return std::make_unique<Step>(backend, std::move(network), std::move(optimizer),
                                std::move(batches), micro_batch);
}

}  // namespace dropmuon
