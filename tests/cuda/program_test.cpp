// SPDX-License-Identifier: MIT
// The program on a GPU, as a user sees it, and on a machine whose GPU is missing or too small.
#include "program.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "catch.h"

using namespace dropmuon;

namespace {

const std::string kShort = " train.max_steps=6 train.eval_train_images=40 sampling.scheme=uniform ";

Outcome train(const Sandbox& sandbox, const std::string& arguments) {
  const Outcome outcome = run_program("train -q " + sandbox.config() + kShort + arguments);
  CAPTURE(arguments, outcome.output);
  REQUIRE(outcome.code == 0);
  return outcome;
}

std::string only_run(const std::string& runs) {
  std::string found;
  for (const auto& entry : std::filesystem::directory_iterator(runs + "/small")) {
    found = entry.path().string();
  }
  return found;
}

nlohmann::json json_in(const std::string& output) {
  return nlohmann::json::parse(output.substr(output.find('{')));
}

// One line that starts with the program's name, and no more.
void check_refused(const Outcome& outcome, int code, const std::vector<std::string>& words) {
  CAPTURE(outcome.output);
  CHECK(outcome.code == code);
  for (const std::string& word : words) CHECK_THAT(outcome.output, Catch::Contains(word));
  CHECK_THAT(outcome.output, Catch::StartsWith("dropmuon: "));
  CHECK(std::count(outcome.output.begin(), outcome.output.end(), '\n') == 1);
}

}  // namespace

TEST_CASE("train on the GPU writes the run folder, and both devices evaluate it alike", "[cuda]") {
  const Sandbox sandbox;
  const Outcome outcome =
      run_program("train " + sandbox.config() + kShort + "device=cuda train.log_every_steps=2");
  CAPTURE(outcome.output);
  REQUIRE(outcome.code == 0);
  CHECK_THAT(outcome.output, Catch::Contains("cuda"));
  const std::string run = sandbox.only_run();
  CHECK(Sandbox::read(run + "/STATUS") == "done\n");
  const auto summary = nlohmann::json::parse(Sandbox::read(run + "/summary.json"));
  CHECK(summary.at("step") == 6);
  CHECK(summary.at("time/forward_s") > 0.0);
  CHECK(summary.at("time/backward_s") > 0.0);
  CHECK(summary.at("time/optimizer_s") > 0.0);
  const auto provenance = nlohmann::json::parse(Sandbox::read(run + "/provenance.json"));
  CHECK_THAT(provenance.dump(), Catch::Contains("cuda") && Catch::Contains("cuDNN"));

  const Outcome on_gpu = run_program("eval --json " + run);
  REQUIRE(on_gpu.code == 0);
  const auto found = json_in(on_gpu.output);
  CHECK(found.at("test/accuracy") == summary.at("test/accuracy"));
  CHECK(found.at("test/loss").get<double>() ==
        Approx(summary.at("test/loss").get<double>()).epsilon(1e-7));
  const Outcome on_cpu = run_program("eval --json " + run + " device=cpu");
  REQUIRE(on_cpu.code == 0);
  CHECK(json_in(on_cpu.output).at("test/loss").get<double>() ==
        Approx(found.at("test/loss").get<double>()).epsilon(1e-5));
}

TEST_CASE("with and without graphs the program writes the same weights", "[cuda]") {
  const Sandbox sandbox;
  std::vector<std::string> weights;
  for (const std::string graphs : {"true", "false", "true"}) {
    const std::string runs = sandbox / ("runs-" + std::to_string(weights.size()));
    train(sandbox, "device=cuda graphs=" + graphs + " runs_dir=" + runs);
    weights.push_back(Sandbox::read(only_run(runs) + "/weights.safetensors"));
  }
  CHECK(weights[0].size() > 1000);
  CHECK(weights[0] == weights[1]);
  CHECK(weights[0] == weights[2]);
}

TEST_CASE("tf32 and bf16 train on the GPU and are refused by the CPU", "[cuda]") {
  const Sandbox sandbox;
  for (const std::string precision : {"tf32", "bf16"}) {
    train(sandbox, "device=cuda precision=" + precision + " runs_dir=" + (sandbox / precision));
    const Outcome refused =
        run_program("train " + sandbox.config() + " device=cpu precision=" + precision);
    CHECK(refused.code == 78);
    CHECK_THAT(refused.output, Catch::Contains("precision"));
  }
}

TEST_CASE("bench, plan and info know the GPU", "[cuda]") {
  const Sandbox sandbox;
  const Outcome bench = run_program("bench --json --rounds 2 --warmup 1 " + sandbox.config() +
                                    " device=cuda train.batch_size=8");
  CAPTURE(bench.output);
  REQUIRE(bench.code == 0);
  const auto measured = json_in(bench.output);
  CHECK(measured.at("step_seconds").size() == 2);
  CHECK(measured.at("peak_flops") > 0.0);
  CHECK(measured.at("recordings").at("recorded") == 3);  // one per start
  CHECK(measured.at("recordings").at("replayed") >= 3);
  const Outcome shown = run_program("bench --rounds 2 --warmup 1 " + sandbox.config() +
                                    " device=cuda train.batch_size=8");
  CAPTURE(shown.output);
  CHECK_THAT(shown.output, Catch::Contains("recorded"));
  const Outcome plan = run_program("plan --json " + sandbox.config() + " device=cuda");
  REQUIRE(plan.code == 0);
  CHECK(json_in(plan.output).at("total_steps") == 20);
  const Outcome info = run_program("info");
  CHECK(info.code == 0);
  CHECK_THAT(info.output, Catch::Contains("cuda:0") && Catch::Contains("cuDNN") &&
                              Catch::Contains("compute capability"));
}

TEST_CASE("without a GPU, cuda is refused in one line and auto takes the CPU", "[cuda]") {
  const Sandbox sandbox;
  const std::string hidden = kHideGpu + program() + " ";
  check_refused(run_script(hidden + "train " + sandbox.config() + " device=cuda"), 69,
                {"device: cuda was asked for, but", "GPU", "use device: cpu or auto"});
  const Outcome automatic =
      run_script(hidden + "train " + sandbox.config() + " train.max_steps=1 device=auto");
  CAPTURE(automatic.output);
  CHECK(automatic.code == 0);
  CHECK_THAT(automatic.output,
             Catch::Contains("device: auto takes the CPU") && Catch::Contains("GPU"));
  const Outcome info = run_script(hidden + "info");
  CHECK(info.code == 0);
  CHECK_THAT(info.output, Catch::Contains("cuda  not available"));
}

TEST_CASE("a GPU that is not there is refused with the number of those that are", "[cuda]") {
  const Sandbox sandbox;
  for (const std::string command : {"train ", "bench ", "plan "}) {
    CAPTURE(command);
    check_refused(run_program(command + sandbox.config() + " device=cuda:77"), 69,
                  {"device: cuda:77 was asked for, but", " GPU", "counted from 0"});
  }
}

TEST_CASE("auto takes the GPU if there is one", "[cuda]") {
  const Sandbox sandbox;
  const Outcome outcome =
      run_program("train " + sandbox.config() + " train.max_steps=1 device=auto");
  CAPTURE(outcome.output);
  CHECK(outcome.code == 0);
  CHECK_THAT(outcome.output, Catch::Contains("cuda: ") && !Catch::Contains("takes the CPU"));
}

TEST_CASE("too little GPU memory ends in one line that helps", "[cuda]") {
  const Sandbox sandbox;
  // More than any GPU has: several times 4096 x 28 x 28 x 8192 floats.
  const Outcome outcome =
      run_script("SIMT_MALLOC_LIMIT=100000000 " + program() + " train -q " + sandbox.config() +
                 " device=cuda optimizer.type=sgd data.train_limit=4096 "
                 "train.batch_size=4096 train.micro_batch=4096 "
                 "'model.channels=[8192]' 'model.pool=[1]'");
  check_refused(outcome, 70, {"out of GPU memory", "train.micro_batch"});
  CHECK_FALSE(std::filesystem::exists(sandbox / "runs"));  // it never began
}

TEST_CASE("a sweep gives each job one of the GPUs, and none where there is none", "[cuda]") {
  const Sandbox sandbox;
  const auto log_of_job = [&](const std::string& environment, const std::string& name) {
    const std::string file = sandbox.write(
        name + ".yaml",
        fmt::format("name: {}\nruns_dir: {}\nbase: good.yaml\nseeds: 1\n", name, sandbox / "runs"));
    const Outcome outcome = run_script(environment + program() + " sweep -q " + file +
                                       " device=auto train.max_steps=1");
    CAPTURE(outcome.output);
    REQUIRE(outcome.code == 0);
    return Sandbox::read(sandbox / ("runs/" + name + "/seed=0/job.log"));
  };
  CHECK_THAT(log_of_job("unset CUDA_VISIBLE_DEVICES; ", "with"),
             Catch::Contains(" with CUDA_VISIBLE_DEVICES=0\n"));
  CHECK_THAT(log_of_job(kHideGpu, "without"),
             Catch::Contains("train ") && !Catch::Contains("CUDA_VISIBLE_DEVICES"));
}
