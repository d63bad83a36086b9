// SPDX-License-Identifier: MIT
#include <cerrno>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <dropmuon/core/error.h>
#include <dropmuon/core/file_system.h>
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

std::string csv_header() {
  std::string header;
  for (std::size_t i = 0; i < kMetricCount; ++i) {
    header += (i == 0 ? "" : ",") + name_of(static_cast<Metric>(i));
  }
  return header;
}

// Keeps the first lines of a file up to the first whose step is later, or none, or that has no end.
void keep_lines(const std::string& path, std::int64_t steps_done, std::int64_t logged_step,
                const std::function<std::int64_t(const std::string&)>& step_of) {
  std::ifstream in(path);
  std::string kept;
  std::int64_t last = 0;
  for (std::string line; std::getline(in, line) && !in.eof() && step_of(line) <= steps_done;) {
    last = step_of(line);
    kept += line + "\n";
  }
  in.close();
  if (last < logged_step) {
    fail(ExitCode::bad_data,
         "{}: expected the rows up to step {}, found them up to {}; put the file back, or start "
         "afresh without --resume",
         path, logged_step, last);
  }
  FileSystem::real().replace_file(path, kept);
}

std::int64_t step_of_csv(const std::string& line) {
  return line == csv_header() ? 0 : std::atoll(line.c_str());
}

std::int64_t step_of_json(const std::string& line) {
  const auto json = nlohmann::json::parse(line, nullptr, false);
  constexpr auto kNone = std::numeric_limits<std::int64_t>::max();
  return json.is_object() ? json.value(name_of(Metric::step), kNone) : kNone;
}

}  // namespace

MetricsWriter::MetricsWriter(const std::string& folder, std::int64_t steps_done,
                             std::int64_t logged_step)
    : folder_(folder) {
  keep_lines(folder + "/metrics.csv", steps_done, logged_step, step_of_csv);
  keep_lines(folder + "/metrics.jsonl", steps_done, logged_step, step_of_json);
  csv_.open(folder + "/metrics.csv", std::ios::app);
  jsonl_.open(folder + "/metrics.jsonl", std::ios::app);
  if (!csv_ || !jsonl_) fail_to_write();
}

void MetricsWriter::sync() {
  for (const char* name : {"/metrics.csv", "/metrics.jsonl"}) {
    const int file = ::open((folder_ + name).c_str(), O_WRONLY | O_CLOEXEC);
    const bool good = file >= 0 && ::fsync(file) == 0;
    const int reason = errno;
    if (file >= 0) ::close(file);
    errno = reason;
    if (!good) fail_to_write();
  }
}

void MetricsWriter::fail_to_write() const {
  fail(ExitCode::cannot_write, "cannot write metrics in {}: {}", folder_, std::strerror(errno));
}

MetricsWriter::MetricsWriter(const std::string& folder)
    : folder_(folder), csv_(folder + "/metrics.csv"), jsonl_(folder + "/metrics.jsonl") {
  csv_ << csv_header() << std::endl;
  if (!csv_ || !jsonl_) fail_to_write();
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
  if (!csv_ || !jsonl_) fail_to_write();
}

}  // namespace dropmuon
