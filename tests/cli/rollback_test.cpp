// SPDX-License-Identifier: MIT
// The files of a run that goes back to an earlier state.
#include <sstream>
#include <vector>

#include <nlohmann/json.hpp>

#include "catch.h"
#include "program.h"

using namespace dropmuon;

namespace {

std::vector<std::int64_t> steps_in(const std::string& file) {
  std::istringstream lines(Sandbox::read(file));
  std::vector<std::int64_t> steps;
  for (std::string line; std::getline(lines, line);) {
    steps.push_back(nlohmann::json::parse(line).at("step"));
  }
  return steps;
}

}  // namespace

TEST_CASE("rows of steps that a run goes back over are gone from its files") {
  const Sandbox sandbox;
  const Outcome outcome = run_program(
      "train " + sandbox.config() +
      " optimizer.type=sgd optimizer.lr=1e6 optimizer.weight_decay=1 train.log_every_steps=1"
      " train.non_finite.policy=rollback train.non_finite.max_rollbacks=30");
  CAPTURE(outcome.output);
  REQUIRE(outcome.code == 0);
  REQUIRE_THAT(outcome.output, Catch::Contains("back to step 0"));
  const std::vector<std::int64_t> steps = steps_in(sandbox.only_run() + "/metrics.jsonl");
  REQUIRE(steps.size() > 2);
  CHECK(steps.front() == 0);
  std::int64_t rows_of_first = 0;
  for (std::size_t i = 1; i < steps.size(); ++i) {
    CHECK(steps[i] >= steps[i - 1]);
    rows_of_first += steps[i] == 1 ? 1 : 0;
  }
  CHECK(rows_of_first == 1);
}
