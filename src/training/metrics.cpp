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

namespace {

// Keeps the first lines of a file up to the first for which `belongs` says no, or that has no end.
void keep_lines(const std::string& path, const std::function<bool(const std::string&)>& belongs) {
  std::ifstream in(path);
  std::string kept;
  for (std::string line; std::getline(in, line) && !in.eof() && belongs(line);) kept += line + "\n";
  in.close();
  std::ofstream out(path + ".tmp", std::ios::binary | std::ios::trunc);
  out << kept;
  out.close();
  if (!out || std::rename((path + ".tmp").c_str(), path.c_str()) != 0) {
    fail(ExitCode::cannot_write, "cannot write {}: {}", path, std::strerror(errno));
  }
}

}  // namespace

MetricsWriter::MetricsWriter(const std::string& folder, std::int64_t steps_done) : folder_(folder) {
  keep_lines(folder + "/metrics.csv", [&](const std::string& line) {
    return line.starts_with(name_of(Metric::step)) || std::atoll(line.c_str()) <= steps_done;
  });
  keep_lines(folder + "/metrics.jsonl", [&](const std::string& line) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    return json.is_object() && json.value(name_of(Metric::step), steps_done + 1) <= steps_done;
  });
  csv_.open(folder + "/metrics.csv", std::ios::app);
  jsonl_.open(folder + "/metrics.jsonl", std::ios::app);
  if (!csv_ || !jsonl_) {
    fail(ExitCode::cannot_write, "cannot write metrics in {}: {}", folder_, std::strerror(errno));
  }
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
