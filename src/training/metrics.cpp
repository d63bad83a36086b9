// SPDX-License-Identifier: MIT
#include <cerrno>
#include <cmath>
#include <cstring>

#include <nlohmann/json.hpp>

#include <dropmuon/core/error.h>
#include <dropmuon/training/metrics.h>

namespace dropmuon {
namespace {

std::string format(Metric metric, double value) {
  if (is_counter(metric)) return fmt::format("{}", static_cast<std::int64_t>(value));
  return fmt::format("{:.9g}", value);
}

}  // namespace

bool is_counter(Metric metric) {
  return metric == Metric::step || metric == Metric::samples || metric == Metric::layer_updates;
}

const std::string& name_of(Metric metric) {
  static const std::array<std::string, kMetricCount> kNames = {"step",
                                                               "epoch",
                                                               "samples",
                                                               "train/running_loss",
                                                               "train/loss",
                                                               "train/accuracy",
                                                               "test/loss",
                                                               "test/accuracy",
                                                               "time/train_s",
                                                               "time/forward_s",
                                                               "time/backward_s",
                                                               "time/optimizer_s",
                                                               "perf/images_per_s",
                                                               "perf/flops",
                                                               "optim/lr",
                                                               "optim/layer_updates"};
  return kNames[static_cast<std::size_t>(metric)];
}

void MetricsRow::set(Metric metric, double value) {
  values_[static_cast<std::size_t>(metric)] = value;
  measured_.set(static_cast<std::size_t>(metric));
}

MetricsWriter::MetricsWriter(const std::string& folder)
    : folder_(folder), csv_(folder + "/metrics.csv"), jsonl_(folder + "/metrics.jsonl") {
  for (std::size_t i = 0; i < kMetricCount; ++i) {
    csv_ << (i == 0 ? "" : ",") << name_of(static_cast<Metric>(i));
  }
  csv_ << std::endl;
  if (!csv_ || !jsonl_) {
    fail(ExitCode::cannot_write, "cannot write metrics in {}: {}", folder_, std::strerror(errno));
  }
}

void MetricsWriter::write(const MetricsRow& row) {
  nlohmann::ordered_json object;
  for (std::size_t i = 0; i < kMetricCount; ++i) {
    const auto metric = static_cast<Metric>(i);
    csv_ << (i == 0 ? "" : ",");
    if (!row.has(metric)) continue;
    csv_ << format(metric, row[metric]);
    if (is_counter(metric)) {
      object[name_of(metric)] = static_cast<std::int64_t>(row[metric]);
    } else if (std::isfinite(row[metric])) {
      object[name_of(metric)] = row[metric];
    } else {
      object[name_of(metric)] = nullptr;  // JSON has neither NaN nor infinity
    }
  }
  csv_ << std::endl;
  jsonl_ << object.dump() << std::endl;
  if (!csv_ || !jsonl_) {
    fail(ExitCode::cannot_write, "cannot write metrics in {}: {}", folder_, std::strerror(errno));
  }
}

}  // namespace dropmuon
