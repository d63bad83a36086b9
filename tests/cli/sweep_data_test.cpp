// SPDX-License-Identifier: MIT
// A sweep whose data files are replaced between two invocations.
#include <filesystem>
#include <string>

#include "catch.h"
#include "idx_set.h"
#include "sweep_sandbox.h"

using namespace dropmuon;

namespace {

class DataSweep : public SweepSandbox {
 public:
  DataSweep() { write_idx_set(data()); }
  std::string data() const { return *this / "data/mnist"; }
  Outcome with_seeds(int seeds) const {
    write("s.yaml", fmt::format("name: s\nruns_dir: {0}/runs\nbase: good.yaml\n"
                                "set: {{data.dataset: mnist, data.root: {0}/data, "
                                "data.train_limit: null, sampling.scheme: full, "
                                "train.max_steps: 2}}\nseeds: {1}\n",
                                *this / ".", seeds));
    return sweep("-q");
  }
};

constexpr const char* kWords = "was trained on other mnist files than are in ";

}  // namespace

TEST_CASE("other data files than finished jobs had are told when a sweep goes on") {
  const DataSweep sandbox;
  for (const int seeds : {1, 2}) {
    const Outcome outcome = sandbox.with_seeds(seeds);
    CAPTURE(outcome.output);
    REQUIRE(outcome.code == 0);
    CHECK_THAT(outcome.output, !Catch::Contains("warning"));
  }
  write_idx_set(sandbox.data(), {.brighter = 90});
  CHECK_THAT(sandbox.with_seeds(2).output, !Catch::Contains(kWords));  // nothing is left to run
  const Outcome other = sandbox.with_seeds(3);
  CAPTURE(other.output);
  CHECK(other.code == 0);
  const std::size_t at = other.output.find(kWords);
  REQUIRE(at != std::string::npos);
  CHECK(other.output.find(kWords, at + 1) == std::string::npos);
  CHECK_THAT(other.output, Catch::StartsWith("warning: seed=0 was trained on other mnist files") &&
                               Catch::Contains("data/mnist now (train-images-idx3-ubyte): "));
}

TEST_CASE("data files that are gone are told by the jobs that need them") {
  const DataSweep sandbox;
  REQUIRE(sandbox.with_seeds(1).code == 0);
  std::filesystem::remove_all(sandbox.data());
  const Outcome outcome = sandbox.with_seeds(2);
  CAPTURE(outcome.output);
  CHECK(outcome.code == 70);
  CHECK_THAT(outcome.output, !Catch::Contains(kWords) &&
                                 Catch::Contains("warning: seed=1 failed: ") &&
                                 Catch::Contains("is missing"));
}
