// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <utility>

#include <dropmuon/core/error.h>
#include <dropmuon/training/trainer.h>

namespace dropmuon {
namespace {

double target_value(const MetricsRow& row, TargetMetric metric) {
  switch (metric) {
    case TargetMetric::train_accuracy:
      return row[Metric::train_accuracy];
    case TargetMetric::test_accuracy:
      return row[Metric::test_accuracy];
    case TargetMetric::train_loss:
      return row[Metric::train_loss];
    case TargetMetric::test_loss:
      return row[Metric::test_loss];
  }
  return std::nan("");
}

bool meets(const Target& target, const MetricsRow& row) {
  const double value = target_value(row, target.metric);
  const bool lower_is_better =
      target.metric == TargetMetric::train_loss || target.metric == TargetMetric::test_loss;
  return lower_is_better ? value <= target.value : value >= target.value;
}

}  // namespace

std::string_view name_of(TrainStatus status) {
  switch (status) {
    case TrainStatus::running:
      return "running";
    case TrainStatus::done:
      return "done";
    case TrainStatus::stopped:
      return "stopped";
    case TrainStatus::diverged:
      return "diverged";
  }
  return "?";
}

Trainer::Trainer(Backend& backend, const Experiment& experiment, Dataset dataset)
    : backend_(backend), experiment_(experiment) {
  const TrainOptions& options = experiment_.train;
  batcher_ = std::make_unique<Batcher>(backend, dataset.train.count(), options.batch_size,
                                       experiment_.augment, experiment_.seed);
  total_steps_ = training_steps(options, dataset.train.count());

  normalization_ = {dataset.mean, dataset.inverse_std};
  train_ = std::make_unique<DeviceSplit>(backend, dataset, dataset.train);
  dataset.train = {};
  test_ = std::make_unique<DeviceSplit>(backend, dataset, dataset.test);
  dataset.test = {};

  const int sample = std::min(options.eval_train_images, train_->count());
  step_ = make_step(backend, experiment_, {dataset.image, dataset.classes},
                    std::make_unique<SplitBatches>(*train_, *batcher_), {sample, test_->count()});
  const int depth = network().depth();
  costs_ = network().costs();
  sampler_ = make_layer_sampler(experiment_.sampling, depth, experiment_.seed);
  watch_ = std::make_unique<LayerWatch>(backend, network(), step_->optimizer());
  train_evaluator_ = std::make_unique<Evaluator>(
      backend, *train_, evaluation_sample(train_->count(), sample, experiment_.seed),
      micro_batch());
  test_evaluator_ = std::make_unique<Evaluator>(
      backend, *test_, evaluation_sample(test_->count(), test_->count(), experiment_.seed),
      micro_batch());
  result_.start_counts.assign(static_cast<std::size_t>(depth), 0);
}

Trainer::~Trainer() = default;

StepInfo Trainer::info(std::int64_t index) const {
  return {
      .step = index, .total_steps = total_steps_, .steps_per_epoch = batcher_->steps_per_epoch()};
}

void Trainer::step(std::int64_t index) { step(index, sampler_->draw(info(index))); }

void Trainer::step(std::int64_t index, const ActiveSet& active) {
  const bool truncate = experiment_.sampling.truncate == Truncate::yes;
  learning_rate_ = std::ldexp(experiment_.optimizer.lr, -result_.rollbacks) *
                   schedule_factor(experiment_.schedule, info(index));
  const StepPlan plan{.active = active,
                      .computed = truncate ? active : ActiveSet::all(active.depth()),
                      .learning_rate = learning_rate_};
  if (experiment_.train.non_finite.policy == NonFinite::skip) {
    run_if_finite(index, plan);
  } else {
    step_->run(index, plan);
    watch_->moves(active, index + 1);
  }
  flops_ += step_flops_per_image(costs_, plan.computed) * batcher_->batch_size();
  ++result_.start_counts[static_cast<std::size_t>(active.first())];
}

TrainResult Trainer::run(const TrainHooks& hooks) {
  const TrainOptions& options = experiment_.train;
  std::int64_t& done = steps_done_;
  if (done == 0) {
    evaluate(0, hooks.observer);
    if (options.non_finite.policy == NonFinite::rollback) save(hooks.keeper, false);
  }
  bool ended = done >= total_steps_ || out_of_time(clock_.seconds()) || stop_at_target();
  bool stop = false;
  clock_.start();
  while (running() && !ended && !stop) {
    step(done);
    ++done;
    hooks.observer.on_step(done);
    stop = hooks.signals.stop_requested();
    ended = done == total_steps_ || out_of_time(clock_.running_seconds());
    const bool evaluate_now = evaluation_due(done) || ended;
    const bool log_now = evaluate_now || done % options.log_every_steps == 0;
    const bool save_now = checkpoint_due() || ended || hooks.signals.checkpoint_requested();
    if (!log_now && !save_now && !stop && running()) continue;
    backend_.synchronize();
    clock_.pause();
    const double best = result_.best_test_accuracy;
    if (log_now && running()) log(done, hooks.observer);
    if (evaluate_now && running()) evaluate(done, hooks.observer);
    ended = ended || stop_at_target();
    stop = stop || hooks.signals.stop_requested();  // during the evaluation
    const bool best_yet = options.checkpoint.best && result_.best_test_accuracy > best;
    if ((save_now || ended || stop || best_yet) && running()) save(hooks.keeper, best_yet);
    if (result_.status == TrainStatus::diverged && roll_back(hooks)) ended = false;
    clock_.start();
  }
  if (running()) result_.status = ended ? TrainStatus::done : TrainStatus::stopped;
  result_.steps = done;
  result_.paused_seconds = paused_seconds();
  look_at_layers();
  return result_;
}

void Trainer::look_at_layers() {
  result_.layer_updates = step_->optimizer().layer_updates();
  result_.layers = watch_->look(steps_done_);
  result_.unmoved_layers = watch_->unmoved();
  result_.bias_only_layers = watch_->moved_in_biases_alone();
  result_.silent_layers.clear();
  if (result_.status == TrainStatus::done) result_.silent_layers = watch_->silent(*test_evaluator_);
}

bool Trainer::stop_at_target() const {
  return result_.target && experiment_.train.target->stop_at_target;
}

bool Trainer::evaluation_due(std::int64_t steps_done) const {
  const TrainOptions& options = experiment_.train;
  const auto every = [&](std::int64_t steps) { return steps_done % steps == 0; };
  return (options.eval_every_steps && every(*options.eval_every_steps)) ||
         (options.eval_every_epochs &&
          every(*options.eval_every_epochs * batcher_->steps_per_epoch()));
}

bool Trainer::checkpoint_due() const {
  const CheckpointOptions& options = experiment_.train.checkpoint;
  const auto every = [&](std::int64_t steps) { return steps_done_ % steps == 0; };
  return (options.every_steps && every(*options.every_steps)) ||
         (options.every_epochs && every(*options.every_epochs * batcher_->steps_per_epoch()));
}

bool Trainer::out_of_time(double seconds) const {
  const std::optional<std::int64_t>& limit = experiment_.train.max_seconds;
  return limit && seconds >= static_cast<double>(*limit);
}

void Trainer::add_phases() {
  const PhaseSeconds phases = backend_.phase_seconds();
  phases_.forward += phases.forward;
  phases_.backward += phases.backward;
  phases_.optimizer += phases.optimizer;
}

MetricsRow Trainer::row(std::int64_t steps_done) {
  add_phases();
  const std::int64_t samples = steps_done * batcher_->batch_size();
  std::int64_t updates = 0;
  for (const std::int64_t count : step_->optimizer().layer_updates()) updates += count;
  MetricsRow row;
  row.set(Metric::step, static_cast<double>(steps_done));
  row.set(Metric::epoch,
          static_cast<double>(steps_done) / static_cast<double>(batcher_->steps_per_epoch()));
  row.set(Metric::samples, static_cast<double>(samples));
  row.set(Metric::train_seconds, clock_.seconds());
  row.set(Metric::forward_seconds, phases_.forward);
  row.set(Metric::backward_seconds, phases_.backward);
  row.set(Metric::optimizer_seconds, phases_.optimizer);
  row.set(Metric::flops, flops_);
  if (steps_done > 0) row.set(Metric::learning_rate, learning_rate_);
  row.set(Metric::layer_updates, static_cast<double>(updates));
  return row;
}

void Trainer::log(std::int64_t steps_done, TrainObserver& observer) {
  const LossSums sums = step_->sums();
  step_->set_sums({});
  good_sums_ = {};
  const std::int64_t steps = steps_done - std::exchange(logged_step_, steps_done);
  const double seconds = clock_.seconds() - std::exchange(logged_seconds_, clock_.seconds());
  MetricsRow values = row(steps_done);
  values.layers = watch_->look(steps_done);
  if (sums.count > 0) {  // else every step was left out
    values.set(Metric::running_loss, sums.loss / static_cast<double>(sums.count));
  }
  values.set(Metric::images_per_second,
             static_cast<double>(steps * batcher_->batch_size()) / seconds);
  report(values, observer);
  if (!std::isfinite(sums.loss)) diverge(fmt::format("the training loss is {}", sums.loss));
}

void Trainer::evaluate(std::int64_t steps_done, TrainObserver& observer) {
  const Evaluation train = evaluate_train_sample();
  const Evaluation test = evaluate_test();
  MetricsRow values = row(steps_done);
  values.set(Metric::train_loss, train.loss);
  values.set(Metric::train_accuracy, train.accuracy);
  values.set(Metric::test_loss, test.loss);
  values.set(Metric::test_accuracy, test.accuracy);
  if (test.accuracy > result_.best_test_accuracy) {
    result_.best_test_accuracy = test.accuracy;
    result_.best_step = steps_done;
  }
  check_target(values);
  report(values, observer);
  if (!std::isfinite(train.loss) || !std::isfinite(test.loss)) {
    diverge(fmt::format("the evaluated loss is {} on the training sample, {} on the test set",
                        train.loss, test.loss));
  }
}

void Trainer::report(const MetricsRow& row, TrainObserver& observer) {
  for (std::size_t i = 0; i < kMetricCount; ++i) {
    const auto metric = static_cast<Metric>(i);
    if (row.has(metric)) result_.last.set(metric, row[metric]);
  }
  observer.on_metrics(row);
}

void Trainer::check_target(const MetricsRow& row) {
  const std::optional<Target>& target = experiment_.train.target;
  if (!target || result_.target || !meets(*target, row)) return;
  result_.target = {.step = static_cast<std::int64_t>(row[Metric::step]),
                    .samples = static_cast<std::int64_t>(row[Metric::samples]),
                    .seconds = row[Metric::train_seconds],
                    .flops = row[Metric::flops]};
}

}  // namespace dropmuon
