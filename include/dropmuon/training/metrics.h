// SPDX-License-Identifier: MIT
// What a run reports: one row per log interval and per evaluation.
#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

namespace dropmuon {

// Columns of metrics.csv, in this order. running_loss is the mean over the batches since the last
// row, with weights that moved meanwhile; train/* and test/* come from evaluation passes with the
// weights as they stand.
enum class Metric : std::size_t {
  step,     // optimizer steps done
  epoch,    // passes over the training set done, fractional
  samples,  // training images seen
  running_loss,
  train_loss,
  train_accuracy,
  test_loss,
  test_accuracy,
  train_seconds,  // evaluation, logging and saving excluded
  forward_seconds,
  backward_seconds,
  optimizer_seconds,
  images_per_second,  // since the last row
  flops,              // by the FLOP counter, cumulative
  learning_rate,
  layer_updates,  // sum over layers of the steps in which each moved
  count,
};

inline constexpr std::size_t kMetricCount = static_cast<std::size_t>(Metric::count);

// "test/accuracy", "time/train_s", ...
const std::string& name_of(Metric metric);

bool is_counter(Metric metric);  // whole numbers

// How one layer takes part in training.
struct LayerMetrics {
  std::int64_t updates = 0;  // steps in which the optimizer moved it
  // ||dW|| / ||W|| of the latest of them: Frobenius norms over the layer's weights, biases apart,
  // of what that step added, decay included, and of the weights after it. Nothing before the first,
  // where the weights are all zero, and after a resume from a checkpoint that did not save it.
  std::optional<double> update_ratio;
  std::optional<std::int64_t> steps_since_update;  // 0: moved in this step
  bool operator==(const LayerMetrics&) const = default;
};

// Values at one moment; what was not measured stays empty in the files.
class MetricsRow {
 public:
  std::vector<LayerMetrics> layers;  // all layers, first layer first, or none: not measured

  void set(Metric metric, double value);
  bool has(Metric metric) const { return measured_.test(static_cast<std::size_t>(metric)); }
  double operator[](Metric metric) const { return values_[static_cast<std::size_t>(metric)]; }

 private:
  std::array<double, kMetricCount> values_{};
  std::bitset<kMetricCount> measured_;
};

// One number of a row under the name that it has in files.
struct MetricValue {
  enum class Kind { whole, real };
  std::string name;  // "layer/2/update_ratio" for those of a layer, counted from 1
  double value = 0.0;
  Kind kind = Kind::real;
};

// What was measured, in the order of the columns: the metrics, then those of each layer.
std::vector<MetricValue> values_of(const MetricsRow& row);

// The columns of metrics.csv for a network of so many layers.
std::vector<std::string> column_names(int depth);

// metrics.csv and metrics.jsonl in a run folder. Every row is flushed, so a killed run keeps what
// it measured. Throws Error(cannot_write) when the disk is full.
class MetricsWriter {
 public:
  // New files; or, to go on after `steps_done` steps, what is there up to them: rows that a killed
  // run wrote after its last checkpoint will be written again. Throws Error(bad_data) if either
  // file lacks the row of `logged_step`, the last one that belongs there.
  // A metrics.csv that is there keeps its columns, which may be fewer in one of an older version.
  MetricsWriter(const std::string& folder, int depth);
  MetricsWriter(const std::string& folder, std::int64_t steps_done, std::int64_t logged_step);
  void write(const MetricsRow& row);
  // Returns when a power cut would lose no row. Throws Error(cannot_write).
  void sync();

 private:
  [[noreturn]] void fail_to_write() const;

  std::string folder_;
  std::vector<std::string> columns_;  // of metrics.csv
  std::ofstream csv_;
  std::ofstream jsonl_;
};

}  // namespace dropmuon
