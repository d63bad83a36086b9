// SPDX-License-Identifier: MIT
// The training loop: draw layers, compute only what they need, move only them, look now and then.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <dropmuon/engine/network.h>
#include <dropmuon/training/checkpoint_store.h>
#include <dropmuon/training/evaluator.h>
#include <dropmuon/training/layer_watch.h>
#include <dropmuon/training/metrics.h>
#include <dropmuon/training/options.h>
#include <dropmuon/training/stopwatch.h>

namespace dropmuon {

enum class TrainStatus { done, stopped, diverged };
std::string_view name_of(TrainStatus status);

// Where the target was first met, by an evaluation.
struct TargetHit {
  std::int64_t step = 0;
  std::int64_t samples = 0;
  double seconds = 0.0;
  double flops = 0.0;
};

struct TrainResult {
  TrainStatus status = TrainStatus::done;
  std::int64_t steps = 0;
  std::int64_t skipped_steps = 0;  // see NonFinite::skip
  int rollbacks = 0;
  std::string problem;  // of a run that diverged: what was not finite, and where
  MetricsRow last;      // the last value of every metric
  double best_test_accuracy = 0.0;
  std::int64_t best_step = 0;
  std::optional<TargetHit> target;
  std::vector<std::int64_t> layer_updates;  // per layer
  std::vector<LayerMetrics> layers;         // as they stand at the end
  std::vector<int> unmoved_layers;          // counted from 1; see LayerWatch
  std::vector<int> bias_only_layers;        // likewise: moved, but no weight of them
  std::vector<int> silent_layers;           // looked for only if the run is done
  std::vector<std::int64_t> start_counts;   // steps whose first active layer was s, per s
  double paused_seconds = 0.0;  // in which the processes of the run stood still; see RunClock
};

// Called from the loop with the clock paused, except on_step, which must be cheap.
class TrainObserver {
 public:
  virtual ~TrainObserver() = default;
  virtual void on_step(std::int64_t steps_done) = 0;
  virtual void on_metrics(const MetricsRow& row) = 0;
  virtual bool stop_requested() = 0;
  // Whether the state is wanted after this step, beside the times that are due.
  virtual bool checkpoint_requested() { return false; }
  virtual void on_checkpoint(const Checkpoint& checkpoint, bool best) = 0;
  // The last checkpoint, to which the run now returns; what was reported after it is void.
  virtual std::optional<Checkpoint> on_rollback() { return std::nullopt; }
};

class Trainer {
 public:
  // Takes all memory. Throws Error(bad_config) for options that do not fit together. The images of
  // `dataset` move to the device and are freed here.
  Trainer(Backend& backend, const Experiment& experiment, Dataset dataset);
  ~Trainer();

  // From the first step, or from where restore() left off.
  TrainResult run(TrainObserver& observer);

  // All that the rest of the run depends on, after a finished step: weights, the optimizer's state,
  // counters, clock, and what the metrics add up. Random numbers need no state: they are keyed by
  // the step. config_hash is left to the caller.
  Checkpoint checkpoint();
  // Makes this trainer, newly built for the same experiment, go on as the one that was saved would
  // have: with the same bits, metrics included, times apart. Throws Error(bad_data) for a
  // checkpoint of another network or optimizer.
  void restore(const Checkpoint& checkpoint);
  std::int64_t steps_done() const { return steps_done_; }
  // The last step that run() has reported a row of, and that with the best test accuracy.
  std::int64_t logged_step() const { return logged_step_; }
  std::int64_t best_step() const { return result_.best_step; }

  Evaluation evaluate_train_sample() { return train_evaluator_->run(*network_); }
  Evaluation evaluate_test() { return test_evaluator_->run(*network_); }

  // What every image is normalised with: the constants of the training images, unless the weights
  // came with others; restore() takes the checkpoint's.
  const Normalization& normalization() const { return normalization_; }
  // Throws Error(bad_data), naming `source`, for another number of channels.
  void set_normalization(const Normalization& normalization, const std::string& source);

  Network& network() { return *network_; }
  std::int64_t total_steps() const { return total_steps_; }
  std::int64_t steps_per_epoch() const { return batcher_->steps_per_epoch(); }
  int micro_batch() const { return micro_batch_; }

  // One optimizer step with the layers drawn for it; what run() repeats. Public for `bench` and
  // tests, which may name the layers instead.
  void step(std::int64_t index);
  void step(std::int64_t index, const ActiveSet& active);

 private:
  void compute(const ActiveSet& computed);
  void move(const ActiveSet& active);
  void prepare_move(std::int64_t index, const ActiveSet& active);
  void move_if_finite(std::int64_t index, const ActiveSet& active, const ActiveSet& computed);
  std::string first_bad_gradient(const ActiveSet& computed);
  LossSums running_sums() const;
  void save(TrainObserver& observer, bool best);
  void diverge(const std::string& problem);
  bool roll_back(TrainObserver& observer);
  StepInfo info(std::int64_t index) const;
  void restore_tensors(const Checkpoint& checkpoint);
  void add_phases();
  bool checkpoint_due() const;
  bool out_of_time(double seconds) const;
  double paused_seconds() const;
  void log(std::int64_t steps_done, TrainObserver& observer);
  void evaluate(std::int64_t steps_done, TrainObserver& observer);
  bool evaluation_due(std::int64_t steps_done) const;
  bool stop_at_target() const;
  void look_at_layers();
  MetricsRow row(std::int64_t steps_done);
  void report(const MetricsRow& row, TrainObserver& observer);
  void check_target(const MetricsRow& row);

  Backend& backend_;
  Experiment experiment_;
  std::unique_ptr<Network> network_;
  std::unique_ptr<LayerSampler> sampler_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<LayerWatch> watch_;
  Normalization normalization_;
  std::unique_ptr<DeviceSplit> train_;
  std::unique_ptr<DeviceSplit> test_;
  std::unique_ptr<Batcher> batcher_;
  std::unique_ptr<Evaluator> train_evaluator_;
  std::unique_ptr<Evaluator> test_evaluator_;
  Buffer<std::uint8_t> labels_;
  Buffer<LossSums> sums_;
  std::vector<LayerCost> costs_;
  std::int64_t total_steps_ = 0;
  std::int64_t steps_done_ = 0;
  int micro_batch_ = 0;

  Stopwatch clock_;
  double paused_before_ = 0.0;  // by earlier processes, as far as the checkpoint tells
  std::size_t first_pause_ = RunClock::pauses().size();
  PhaseSeconds phases_;
  double flops_ = 0.0;
  double logged_seconds_ = 0.0;
  std::int64_t logged_step_ = 0;
  double learning_rate_ = 0.0;
  LossSums good_sums_{};  // NonFinite::skip: the running sums before this step
  int skips_in_a_row_ = 0;
  std::vector<float> gradient_copy_;  // NonFinite::skip
  TrainResult result_;
};

}  // namespace dropmuon
