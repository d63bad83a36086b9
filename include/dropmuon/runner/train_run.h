// SPDX-License-Identifier: MIT
// One training run from configuration to finished run folder.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <dropmuon/config/config.h>
#include <dropmuon/core/error.h>
#include <dropmuon/training/trainer.h>

namespace dropmuon {

// What is known before the first step, for whoever shows progress.
struct RunHeader {
  std::string folder;
  std::string device;           // "cpu: AMD EPYC, 2 threads, oneDNN 2.6.0"
  std::string data;             // "fashion-mnist: 60000 + 10000 images, official files"
  std::string model;            // "4 layers, 394 634 parameters"
  std::int64_t steps_done = 0;  // before a resume
  std::int64_t total_steps = 0;
  std::int64_t steps_per_epoch = 0;
  int batch_size = 0;
  int micro_batch = 0;
};

// Shows a run to a person. on_step comes after every step and must be cheap.
class RunView {
 public:
  virtual ~RunView() = default;
  virtual void on_begin(const RunHeader& header) = 0;
  virtual void on_step(std::int64_t steps_done) = 0;
  virtual void on_metrics(const MetricsRow& row) = 0;
  // The process had stood still for so long, which no time of the run contains.
  virtual void on_pause(double seconds) = 0;
  virtual void on_end(const TrainResult& result) = 0;
};

// Wishes from outside, asked after every step.
struct RunControl {
  std::function<bool()> stop_requested;
  std::function<bool()> checkpoint_requested;  // true once per request
};

// Trains and writes the run folder. Returns ok, stopped or diverged; throws Error for the rest,
// with STATUS failed if the folder was already there.
ExitCode run_training(const RunConfig& config, const std::vector<std::string>& command,
                      const RunControl& control, RunView& view);

// Goes on with the run in `folder` from its newest whole checkpoint, or from the start if it has
// none; metrics end up as those of a run that was never cut. A run that is done or has diverged
// stays as it is, so asking again does no harm.
// Throws Error(missing_input) without a run there, Error(bad_data) if every checkpoint is damaged
// or, before anything is touched, if config.yaml or the data files are others than provenance.json
// says (Error(bad_config) if another computation is asked for); Error(cannot_write) while another
// process works in the folder. What else differs (machine, threads, program) is one warning.
ExitCode resume_training(const std::string& folder, const std::vector<std::string>& command,
                         const RunControl& control, RunView& view);

// Evaluates saved weights on the test set and training sample of the run they belong to. `path` is
// a run folder, or in it a checkpoint, `checkpoints/best` or `latest`, or a weights file. Images
// are normalised with the weights' constants and taken in pieces as in that run, whatever the
// overrides say of data and batch size: the same images give the same bits. Where training images
// are missing, weights with such constants are evaluated on the test set alone, with a warning.
struct RunEvaluation {
  std::optional<Evaluation> train_sample;
  Evaluation test;
  std::string weights;
};
std::string to_json(const RunEvaluation& evaluation);
RunEvaluation evaluate_run(const std::string& path, const std::vector<std::string>& overrides);

}  // namespace dropmuon
