// SPDX-License-Identifier: MIT
// What is foretold of a run is what the run does, for files that are not the official ones.
#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "../../src/experiments/sweep/run_files.h"
#include "catch.h"
#include "idx_set.h"
#include "program.h"

using namespace dropmuon;
using Json = nlohmann::json;

namespace {

Json json_of(const std::string& arguments) {
  const Outcome outcome = run_program(arguments + " --json");
  CAPTURE(outcome.output);
  REQUIRE(outcome.code == 0);
  return Json::parse(outcome.output.substr(outcome.output.find('{')));
}

}  // namespace

TEST_CASE("plan, bench, dry run and the table of a sweep count what training counts") {
  const Sandbox sandbox;
  write_idx_set(sandbox / "data/mnist", {.train = 512, .test = 64, .height = 20, .width = 30});
  const std::string config =
      sandbox.write("idx.yaml", fmt::format("name: small\nruns_dir: {0}/runs\n"
                                            "data: {{dataset: mnist, root: {0}/data}}\n"
                                            "model: {{channels: [4, 6]}}\n"
                                            "train: {{epochs: 3, batch_size: 40}}\n",
                                            sandbox / "."));
  REQUIRE(run_program("train -q " + config).code == 0);
  const Json summary = Json::parse(Sandbox::read(sandbox.only_run() + "/summary.json"));
  const auto steps = summary.at("step").get<std::int64_t>();
  CHECK(steps == 36);
  const Json plan = json_of("plan " + config);
  CHECK(plan.at("total_steps") == steps);
  CHECK(plan.at("layers")[0].at("output") == "(10, 15, 4)");
  CHECK(
      plan.at("data") ==
      Json{{"train_images", 512}, {"test_images", 64}, {"image", {20, 30, 1}}, {"assumed", false}});
  CHECK_THAT(run_program("plan " + config).output,
             Catch::Contains("512 training and 64 test images of 20x30x1 in "));
  CHECK(json_of("bench --rounds 1 " + config).at("image") == Json{20, 30, 1});
  const std::string refused = run_program("train " + config + " train.batch_size=513").output;
  const std::string answer = "dropmuon: train.batch_size: expected 1 to 512";
  CHECK_THAT(refused, Catch::Contains(answer));
  for (const std::string command : {"plan ", "bench --rounds 1 "}) {
    const Outcome outcome = run_program(command + config + " train.batch_size=513");
    CHECK(outcome.code == 78);
    CHECK_THAT(outcome.output, Catch::StartsWith(answer));
    CHECK_THAT(refused, Catch::EndsWith(outcome.output));
  }
  CHECK(json_of("plan " + config + " data.train_limit=80").at("total_steps") == 6);
  StepPlanner planner;
  CHECK(planner.steps(load_config(config, {})) == steps);
  CHECK(planner.steps(load_config(config, {"data.train_limit=80"})) == 6);

  const std::string sweep =
      sandbox.write("sw.yaml", "base: idx.yaml\nname: sw\nruns_dir: " + (sandbox / "sweeps") +
                                   "\nseeds: [0, 1]\n");
  const Outcome dry = run_program("sweep --dry-run " + sweep);
  CAPTURE(dry.output);
  CHECK(dry.code == 0);
  CHECK_THAT(dry.output,
             Catch::Contains("left: 2 of 2 jobs, 72 steps") && !Catch::Contains("official files"));
  for (const char* kind : {"images-idx3", "labels-idx1"}) {
    std::filesystem::remove(sandbox / "data/mnist/t10k-" + kind + "-ubyte");
  }
  CHECK(json_of("plan " + config).at("total_steps") == steps);
  CHECK_THAT(run_program("plan " + config).output,
             Catch::Contains("512 training images of 20x30x1 in ") &&
                 Catch::Contains("; 10000 test images, if these are the official files"));
  CHECK_THAT(run_program("bench --rounds 1 " + config).output,
             Catch::Contains("images of 20x30x1") && !Catch::Contains("official files"));
  CHECK(run_program("train -q " + config).code == 66);
  std::filesystem::remove_all(sandbox / "data");
  const Outcome bench = run_program("bench --rounds 1 " + config);
  CHECK_THAT(bench.output, Catch::Contains("if these are the official files: "));
  CHECK(json_of("bench --rounds 1 " + config).at("assumed") == true);
  for (const std::string& command : {"plan " + config, "sweep --dry-run " + sweep}) {
    CHECK_THAT(run_program(command).output,
               Catch::Contains("60000 training and 10000 test images of 28x28x1, if these are the "
                               "official files"));
  }
  sandbox.write("data/mnist/train-images-idx3-ubyte", "not images");
  for (const char* name :
       {"train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}) {
    sandbox.write(std::string("data/mnist/") + name, "nor these");
  }
  for (const std::string& command : {"plan " + config, "sweep --dry-run " + sweep}) {
    CHECK(run_program(command).code == 65);
  }
}
