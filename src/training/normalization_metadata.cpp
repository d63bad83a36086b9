// SPDX-License-Identifier: MIT
#include "normalization_metadata.h"

#include <charconv>
#include <cmath>
#include <string_view>

#include <fmt/ranges.h>

#include "safetensors_header.h"
#include <dropmuon/core/crc32c.h>
#include <dropmuon/core/error.h>

namespace dropmuon {
namespace {

const std::string kMean = "normalization.mean";
const std::string kInverseStd = "normalization.inverse_std";
const std::string kSum = "normalization.crc32c";

std::string checksum(const std::string& mean, const std::string& inverse_std) {
  const std::string text = mean + ";" + inverse_std;
  return fmt::format("{:08x}", crc32c(std::string_view(text)));
}

enum class Range { unit, positive };

bool is_within(float value, Range range) {
  if (!std::isfinite(value)) return false;
  return range == Range::unit ? value >= 0.0F && value <= 1.0F : value > 0.0F;
}

std::vector<float> parse(const std::string& text, const std::string& key, Range range,
                         const std::string& path) {
  std::vector<float> values;
  for (std::string_view rest = text;;) {
    const std::string_view word = rest.substr(0, rest.find(','));
    float value = 0.0F;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    const bool whole = error == std::errc() && end == word.data() + word.size();
    if (!whole || !is_within(value, range)) {
      fail(ExitCode::bad_data, "{}: {}: expected {}, found '{}'", path, key,
           range == Range::unit ? "numbers from 0 to 1" : "finite numbers above 0",
           safetensors::shown(std::string(word)));
    }
    values.push_back(value);
    if (word.size() == rest.size()) return values;
    rest.remove_prefix(word.size() + 1);
  }
}

}  // namespace

void add_normalization(const Normalization& normalization,
                       std::map<std::string, std::string>& metadata) {
  const std::string mean = fmt::format("{}", fmt::join(normalization.mean, ","));
  const std::string inverse_std = fmt::format("{}", fmt::join(normalization.inverse_std, ","));
  metadata[kMean] = mean;
  metadata[kInverseStd] = inverse_std;
  metadata[kSum] = checksum(mean, inverse_std);
}

std::optional<Normalization> find_normalization(const std::map<std::string, std::string>& metadata,
                                                const std::string& path) {
  const auto mean = metadata.find(kMean);
  const auto inverse_std = metadata.find(kInverseStd);
  const auto sum = metadata.find(kSum);
  if (mean == metadata.end() && inverse_std == metadata.end() && sum == metadata.end()) {
    return std::nullopt;
  }
  if (mean == metadata.end() || inverse_std == metadata.end()) {
    fail(ExitCode::bad_data, "{}: expected both {} and {} in the metadata, found {}", path, kMean,
         kInverseStd, mean == inverse_std ? "neither" : "one");
  }
  // Files from elsewhere may have no sum.
  if (sum != metadata.end() && sum->second != checksum(mean->second, inverse_std->second)) {
    fail(ExitCode::bad_data,
         "{}: the constants of normalisation are damaged: their CRC-32C is {}, the one noted is {}",
         path, checksum(mean->second, inverse_std->second), safetensors::shown(sum->second));
  }
  Normalization found{parse(mean->second, kMean, Range::unit, path),
                      parse(inverse_std->second, kInverseStd, Range::positive, path)};
  if (found.mean.size() != found.inverse_std.size()) {
    fail(ExitCode::bad_data, "{}: expected as many means as inverse deviations, found {} and {}",
         path, found.mean.size(), found.inverse_std.size());
  }
  return found;
}

}  // namespace dropmuon
