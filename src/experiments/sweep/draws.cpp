// SPDX-License-Identifier: MIT
// The random axes of a sweep, drawn.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "axes.h"
#include <dropmuon/config/value.h>
#include <dropmuon/core/crc32c.h>
#include <dropmuon/core/random.h>

namespace dropmuon {
namespace {

// [0, 1), 53 bits; a pure function of its arguments.
double draw(std::uint64_t seed, std::int64_t sample, const std::string& path) {
  constexpr std::uint32_t kSweep = 0x53574550;  // keeps away from the streams of training
  const auto index = static_cast<std::uint64_t>(sample);
  const auto words =
      philox4x32({static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32U),
                  crc32c(path), kSweep},
                 {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32U)});
  const std::uint64_t bits = (std::uint64_t{words[0]} << 32U | words[1]) >> 11U;
  return std::ldexp(static_cast<double>(bits), -53);
}

double four_digits(double value) {
  return std::strtod(fmt::format("{:.4g}", value).c_str(), nullptr);
}

bool accepts(const std::string& path, const YamlNode& value) {
  try {
    canonical_value(path, value);
    return true;
  } catch (const TextError&) {
    return false;
  }
}

YamlNode draw_value(const RandomAxis& axis, double u) {
  if (axis.distribution == Distribution::choice) {
    const auto index = static_cast<std::size_t>(u * static_cast<double>(axis.values.size()));
    return axis.values[index];
  }
  const bool in_logs = axis.distribution == Distribution::log_uniform;
  const double exact = in_logs ? axis.low * std::pow(axis.high / axis.low, u)
                               : axis.low + u * (axis.high - axis.low);
  const double value = std::clamp(four_digits(exact), axis.low, axis.high);
  YamlNode node{.kind = YamlKind::scalar, .at = axis.at, .text = print_number(value)};
  // A key of whole numbers takes no other; its bounds, which it took, are whole.
  if (!accepts(axis.path, node)) node.text = fmt::format("{:.0f}", std::round(value));
  canonical_value(axis.path, node);
  return node;
}

SweepPoint draw_point(const RandomAxes& random, std::int64_t sample) {
  SweepPoint point;
  for (const RandomAxis& axis : random.axes) {
    point.push_back({axis.path, axis.at, draw_value(axis, draw(random.seed, sample, axis.path))});
  }
  return point;
}

std::string identity(const SweepPoint& point) {
  std::string text;
  for (const SweepSetting& setting : point) {
    text += canonical_value(setting.path, setting.value) + '\n';
  }
  return text;
}

}  // namespace

std::vector<SweepPoint> random_points(const RandomAxes& random) {
  if (random.axes.empty()) return {{}};
  std::vector<SweepPoint> points;
  std::set<std::string> seen;
  // Enough to find every one of `samples` equally likely values (coupon collector), and an end.
  const std::int64_t attempts = 1000 + 40 * random.samples;
  for (std::int64_t i = 0; i < attempts; ++i) {
    SweepPoint point = draw_point(random, i);
    if (!seen.insert(identity(point)).second) continue;
    points.push_back(std::move(point));
    if (std::cmp_equal(points.size(), random.samples)) return points;
  }
  throw TextError(random.at, fmt::format("random: expected {} different draws, found {} in {} "
                                         "attempts; ask for fewer samples or use grid",
                                         random.samples, points.size(), attempts));
}

}  // namespace dropmuon
