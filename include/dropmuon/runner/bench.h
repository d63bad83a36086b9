// SPDX-License-Identifier: MIT
// The plan's table, measured: seconds of a step for every place where backpropagation can stop.
#pragma once

#include <string>
#include <vector>

#include <dropmuon/config/config.h>

namespace dropmuon {

struct BenchOptions {
  int warmup_steps = 3;
  int rounds = 9;  // every start once per round, in turn, so that drift hits all alike
};

struct BenchStart {
  double flops = 0.0;            // per step, by the FLOP counter
  double computed_flops = 0.0;   // without the outputs that pooling drops
  std::vector<double> seconds;   // one per round
  double forward_seconds = 0.0;  // means over the rounds
  double backward_seconds = 0.0;
  double optimizer_seconds = 0.0;
};

// What the measured steps mean for a sampling scheme: sum over s of P(s) seconds(s). Schemes whose
// sets are not suffixes are left out, because their steps were not measured.
struct BenchScheme {
  std::string name;
  double seconds = 0.0;
  double speed_up = 1.0;
};

struct BenchResult {
  std::string device;
  std::string precision;
  bool graphs = false;
  std::string dataset;
  ImageShape image;        // of its files, or of the official ones if they are not here
  std::string assumption;  // in words, where the training images are not here; else ""
  std::vector<int> channels;
  int batch_size = 0;
  int micro_batch = 0;
  double peak_flops = 0.0;  // FLOP/s, the best of before and after
  std::vector<BenchStart> starts;
  std::vector<double> orthogonalize_seconds;  // Newton-Schulz of a full step, per round; Muon only
  std::vector<BenchScheme> schemes;
  double peak_memory_bytes = 0.0;    // of the process, by the operating system
  double device_memory_bytes = 0.0;  // 0: the device has none of its own
  RecordingCounts recordings;
};

// Random images of the data set's shape: needs no files. Throws Error(bad_config) for a batch that
// training refuses, and as dataset_info() does.
BenchResult run_bench(const RunConfig& config, const BenchOptions& options);
std::string to_text(const BenchResult& result);
std::string to_json(const BenchResult& result);

}  // namespace dropmuon
