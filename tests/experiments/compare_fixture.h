// SPDX-License-Identifier: MIT
// Made-up runs that reach a target or miss it, and what comparing them says.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "catch.h"
#include "fake_run.h"
#include <dropmuon/core/error.h>
#include <dropmuon/experiments/compare.h>

namespace dropmuon {

inline constexpr double kInf = std::numeric_limits<double>::infinity();

inline const std::string kTarget = "train.target.value=0.9";
inline const std::string kMuon = "optimizer.type=muon";
inline const std::string kSgd = "optimizer.type=sgd";

inline FakeRun missing(std::uint64_t seed, double seconds, std::vector<std::string> overrides) {
  FakeRun run = run_to_target(seed, seconds, std::move(overrides));
  run.evaluations.back().accuracy = 0.5;
  return run;
}

inline void check(const std::optional<Interval>& found, double low, double high) {
  REQUIRE(found);
  CHECK(found->low == low);
  CHECK(found->high == high);
}

// The message and exit code of a refusal; "" if there is none.
inline std::string refused_because(const CompareOptions& options,
                                   ExitCode code = ExitCode::bad_data) {
  try {
    compare_runs(options);
  } catch (const Error& error) {
    CHECK(error.code() == code);
    CHECK(std::string(error.what()).find('\n') == std::string::npos);
    return error.what();
  }
  return "";
}

inline std::size_t warnings_with(const Comparison& comparison, const std::string& text) {
  std::size_t count = 0;
  for (const std::string& warning : comparison.warnings) {
    if (warning.find(text) != std::string::npos) ++count;
  }
  return count;
}

}  // namespace dropmuon
