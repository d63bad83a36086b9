// SPDX-License-Identifier: MIT
#include <cerrno>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <sstream>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <dropmuon/core/error.h>
#include <dropmuon/core/file_system.h>
#include <dropmuon/core/run_files.h>
#include <dropmuon/training/metrics.h>

namespace dropmuon {
namespace {

constexpr std::array<const char*, 3> kLayerMetrics = {"updates", "update_ratio",
                                                      "steps_since_update"};

std::string layer_name(std::size_t layer, std::size_t metric) {
  return fmt::format("layer/{}/{}", layer + 1, kLayerMetrics[metric]);
}

std::string format(const MetricValue& value) {
  if (value.kind == MetricValue::Kind::real) return fmt::format("{:.9g}", value.value);
  return fmt::format("{}", static_cast<std::int64_t>(value.value));
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

std::vector<MetricValue> values_of(const MetricsRow& row) {
  using Kind = MetricValue::Kind;
  std::vector<MetricValue> values;
  for (std::size_t i = 0; i < kMetricCount; ++i) {
    const auto metric = static_cast<Metric>(i);
    if (!row.has(metric)) continue;
    values.push_back({name_of(metric), row[metric], is_counter(metric) ? Kind::whole : Kind::real});
  }
  for (std::size_t i = 0; i < row.layers.size(); ++i) {
    const LayerMetrics& layer = row.layers[i];
    const auto whole = [](std::int64_t count) { return static_cast<double>(count); };
    values.push_back({layer_name(i, 0), whole(layer.updates), Kind::whole});
    if (layer.update_ratio) values.push_back({layer_name(i, 1), *layer.update_ratio, Kind::real});
    if (layer.steps_since_update) {
      values.push_back({layer_name(i, 2), whole(*layer.steps_since_update), Kind::whole});
    }
  }
  return values;
}

std::vector<std::string> column_names(int depth) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kMetricCount; ++i) names.push_back(name_of(static_cast<Metric>(i)));
  for (std::size_t layer = 0; layer < static_cast<std::size_t>(depth); ++layer) {
    for (std::size_t k = 0; k < kLayerMetrics.size(); ++k) names.push_back(layer_name(layer, k));
  }
  return names;
}

namespace {

// Keeps the first lines of a file up to the first whose step is later, or none, or that has no end.
void keep_lines(const std::string& path, std::int64_t steps_done, std::int64_t logged_step,
                const std::function<std::int64_t(const std::string&)>& step_of) {
  FileSystem& files = FileSystem::real();
  std::istringstream in(files.exists(path) ? files.read_file(path) : "");
  std::string kept;
  std::int64_t last = 0;
  for (std::string line; std::getline(in, line) && !in.eof() && step_of(line) <= steps_done;) {
    last = step_of(line);
    kept += line + "\n";
  }
  if (last < logged_step) {
    fail(ExitCode::bad_data,
         "{}: expected the rows up to step {}, found them up to {}; put the file back, or start "
         "afresh without --resume",
         path, logged_step, last);
  }
  FileSystem::real().replace_file(path, kept);
}

std::int64_t step_of_csv(const std::string& line) {
  return std::atoll(line.c_str());  // 0 for the names of the columns
}

std::int64_t step_of_json(const std::string& line) {
  const auto json = nlohmann::json::parse(line, nullptr, false);
  constexpr auto kNone = std::numeric_limits<std::int64_t>::max();
  return json.is_object() ? json.value(name_of(Metric::step), kNone) : kNone;
}

std::vector<std::string> columns_of(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  std::vector<std::string> columns;
  std::istringstream names(line);
  for (std::string name; std::getline(names, name, ',');) columns.push_back(name);
  if (columns.empty() || columns.front() != name_of(Metric::step)) {
    fail(
        ExitCode::bad_data,
        "{}: expected the names of the columns in line 1, beginning with '{}', found '{}'; put the "
        "file back, or start afresh without --resume",
        path, name_of(Metric::step), line.substr(0, 40));
  }
  return columns;
}

}  // namespace

MetricsWriter::MetricsWriter(const std::string& folder, std::int64_t steps_done,
                             std::int64_t logged_step)
    : folder_(folder) {
  keep_lines(folder + "/" + run_files::kMetricsCsv, steps_done, logged_step, step_of_csv);
  keep_lines(folder + "/" + run_files::kMetrics, steps_done, logged_step, step_of_json);
  columns_ = columns_of(folder + "/" + run_files::kMetricsCsv);
  csv_.open(folder + "/" + run_files::kMetricsCsv, std::ios::app);
  jsonl_.open(folder + "/" + run_files::kMetrics, std::ios::app);
  if (!csv_ || !jsonl_) fail_to_write();
}

void MetricsWriter::sync() {
  for (const char* name : {run_files::kMetricsCsv, run_files::kMetrics}) {
    const int file = ::open((folder_ + "/" + name).c_str(), O_WRONLY | O_CLOEXEC);
    const bool good = file >= 0 && (::fsync(file) == 0 || is_unsupported(errno));
    const int reason = errno;
    if (file >= 0) ::close(file);
    errno = reason;
    if (!good) fail_to_write();
  }
}

void MetricsWriter::fail_to_write() const {
  fail(ExitCode::cannot_write, "cannot write metrics in {}: {}", folder_, std::strerror(errno));
}

MetricsWriter::MetricsWriter(const std::string& folder, int depth)
    : folder_(folder),
      columns_(column_names(depth)),
      csv_(folder + "/" + run_files::kMetricsCsv),
      jsonl_(folder + "/" + run_files::kMetrics) {
  csv_ << fmt::format("{}", fmt::join(columns_, ",")) << std::endl;
  if (!csv_ || !jsonl_) fail_to_write();
}

void MetricsWriter::write(const MetricsRow& row) {
  std::map<std::string, std::string> cells;
  nlohmann::ordered_json object;
  for (const MetricValue& value : values_of(row)) {
    cells[value.name] = format(value);
    if (value.kind == MetricValue::Kind::whole) {
      object[value.name] = static_cast<std::int64_t>(value.value);
    } else if (std::isfinite(value.value)) {
      object[value.name] = value.value;
    } else {
      object[value.name] = nullptr;  // JSON has neither NaN nor infinity
    }
  }
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    csv_ << (i == 0 ? "" : ",") << cells[columns_[i]];
  }
  csv_ << std::endl;
  jsonl_ << object.dump() << std::endl;
  if (!csv_ || !jsonl_) fail_to_write();
}

}  // namespace dropmuon
