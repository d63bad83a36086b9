// SPDX-License-Identifier: MIT
#include <charconv>
#include <cmath>
#include <limits>

#include <dropmuon/config/text.h>
#include <dropmuon/core/error.h>
#include <dropmuon/core/suggest.h>
#include <dropmuon/experiments/compare.h>

namespace dropmuon {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

Metric metric_of(TargetMetric metric) {
  switch (metric) {
    case TargetMetric::train_accuracy:
      return Metric::train_accuracy;
    case TargetMetric::test_accuracy:
      return Metric::test_accuracy;
    case TargetMetric::train_loss:
      return Metric::train_loss;
    case TargetMetric::test_loss:
      return Metric::test_loss;
  }
  return Metric::test_accuracy;
}

bool is_loss(TargetMetric metric) {
  return metric == TargetMetric::train_loss || metric == TargetMetric::test_loss;
}

}  // namespace

const std::string& name_of(Cost cost) {
  static const std::array<std::string, kCostCount> kNames = {"seconds", "steps", "samples",
                                                             "flops"};
  return kNames[static_cast<std::size_t>(cost)];
}

Costs costs_at(const MetricsRow& row) {
  return {row[Metric::train_seconds], row[Metric::step], row[Metric::samples], row[Metric::flops]};
}

Costs costs_to_target(const ComparedRun& run, const Target& target) {
  for (const MetricsRow& row : run.evaluations) {
    const Metric metric = metric_of(target.metric);
    if (!row.has(metric)) continue;
    const bool met =
        is_loss(target.metric) ? row[metric] <= target.value : row[metric] >= target.value;
    if (met) return costs_at(row);
  }
  return {kNever, kNever, kNever, kNever};
}

Target parse_target(const std::string& text) {
  const std::size_t equals = text.find('=');
  std::vector<std::string> names;
  for (const TargetMetric metric : {TargetMetric::train_accuracy, TargetMetric::test_accuracy,
                                    TargetMetric::train_loss, TargetMetric::test_loss}) {
    names.push_back(name_of(metric_of(metric)));
    if (text.substr(0, equals) != names.back() || equals == std::string::npos) continue;
    Target target{.metric = metric};
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + equals + 1, end, target.value);
    const bool number = error == std::errc() && stop == end && std::isfinite(target.value);
    if (!number || target.value <= 0.0 || (!is_loss(metric) && target.value > 1.0)) {
      fail(ExitCode::usage, "--target {}: expected {}, found '{}'", names.back(),
           is_loss(metric) ? "a loss above 0" : "an accuracy as a fraction, above 0, at most 1",
           one_line(text.substr(equals + 1)));
    }
    return target;
  }
  fail(ExitCode::usage,
       "--target '{}': expected METRIC=VALUE with METRIC one of train/accuracy, test/accuracy, "
       "train/loss, test/loss{}",
       one_line(text), did_you_mean(text.substr(0, equals), names));
}

std::string to_text(const Target& target) {
  return fmt::format("{} {} {}", name_of(metric_of(target.metric)),
                     is_loss(target.metric) ? "<=" : ">=", target.value);
}

}  // namespace dropmuon
