// SPDX-License-Identifier: MIT
// A run that a test can stop, kill or signal while it trains.
#pragma once

#include <string>

#include "program.h"

namespace dropmuon {

// Slow enough on any machine to be caught in the middle, with state that matters: momentum,
// moments, crops, a schedule, a sampler.
inline std::string slow_config(const Sandbox& sandbox, const std::string& optimizer,
                               const std::string& scheme) {
  return sandbox.write(optimizer + "-" + scheme + ".yaml",
                       fmt::format("name: {0}-{1}\nruns_dir: {2}/runs\n"
                                   "data: {{dataset: synthetic, train_limit: 400, augment: {{crop: "
                                   "2, flip: true}}}}\n"
                                   "model: {{channels: [4, 6]}}\n"
                                   "optimizer: {{type: {0}, lr: 0.01}}\n"
                                   "sampling: {{scheme: {1}, tau: 2}}\n"
                                   "schedule: {{type: cosine, warmup_steps: 9}}\n"
                                   "train: {{epochs: 1000, max_steps: 320, batch_size: 40, "
                                   "eval_every_epochs: 9, eval_train_images: 40, "
                                   "log_every_steps: 3}}\n"
                                   "checkpoint: {{every_epochs: 1}}\n",
                                   optimizer, scheme, sandbox / ""));
}

// Starts, sends `signal` when `rows` rows of metrics are there, and waits.
inline Outcome interrupted(const std::string& arguments, const std::string& metrics, int rows,
                           const std::string& signal) {
  // Rows that a resume removes again must not count: the file is looked at once it shrank or grew.
  return run_script(fmt::format(
      "{} {} >/dev/null & pid=$!; while kill -0 $pid 2>/dev/null && "
      "[ $(cat {} 2>/dev/null | wc -l) -lt {} ]; do sleep 0.01; done; kill -{} $pid; wait $pid",
      program(), arguments, metrics, rows, signal));
}

}  // namespace dropmuon
