// SPDX-License-Identifier: MIT
// Layers that take no part, as a person and the files of a run see them.
#include <filesystem>

#include <nlohmann/json.hpp>

#include "catch.h"
#include "program.h"
#include "sweep_sandbox.h"
#include <dropmuon/training/safetensors.h>

using namespace dropmuon;

namespace {

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
    ++found;
  }
  return found;
}

nlohmann::json summary_of(const Sandbox& sandbox) {
  return nlohmann::json::parse(Sandbox::read(sandbox.only_run() + "/summary.json"));
}

using Layers = std::vector<int>;

}  // namespace

TEST_CASE("a layer that was never drawn is named once at the end, in the log and the summary") {
  const Sandbox sandbox;
  const Outcome train = run_program("train -q " + sandbox.config() +
                                    " model.channels=[4,5] sampling.scheme=weights "
                                    "sampling.weights=[0,0,1]");
  CAPTURE(train.output);
  REQUIRE(train.code == 0);
  const std::string line = "warning: layers 1 and 2 never moved: never drawn";
  CHECK(count(train.output, line) == 1);
  CHECK(count(train.output, "never moved") == 1);
  CHECK(count(Sandbox::read(sandbox.only_run() + "/log.txt"), "layers 1 and 2 never moved") == 1);
  const auto summary = summary_of(sandbox);
  CHECK(summary.at("unmoved_layers") == Layers{1, 2});
  CHECK(summary.at("silent_layers") == Layers{});
  CHECK(summary.at("layer_updates") == Layers{0, 0, 20});
  CHECK(summary.at("steps_since_update") == nlohmann::json{nullptr, nullptr, 0});
  CHECK(summary.at("update_ratios")[0].is_null());
  CHECK(summary.at("update_ratios")[2].get<double>() > 0.0);
}

TEST_CASE("layers of which only the biases moved are named as such, by compare as well") {
  const Sandbox sandbox;
  const Outcome train =
      run_program("train -q " + sandbox.config() + " optimizer.type=sgd optimizer.lr=1e-30");
  CAPTURE(train.output);
  REQUIRE(train.code == 0);
  const std::string line =
      "layers 1, 2 and 3 moved in biases alone: every update of weights was zero";
  CHECK(count(train.output, "warning: " + line + "\n") == 1);
  const auto summary = summary_of(sandbox);
  CHECK(summary.at("bias_only_layers") == Layers{1, 2, 3});
  CHECK(summary.at("unmoved_layers") == Layers{});
  CHECK(summary.at("update_ratios")[0] == 0.0);
  CHECK(count(run_program("compare " + sandbox.only_run()).output, line) == 1);
}

TEST_CASE("a net whose layers all take part is not warned of") {
  const Sandbox sandbox;
  const Outcome train = run_program("train " + sandbox.config() + " sampling.scheme=uniform");
  CAPTURE(train.output);
  REQUIRE(train.code == 0);
  CHECK(count(train.output, "warning") == 0);
  const auto summary = summary_of(sandbox);
  CHECK(summary.at("unmoved_layers") == Layers{});
  CHECK(summary.at("silent_layers") == Layers{});
}

TEST_CASE("a layer that puts out nothing but zeros is named at the end, and what it starves") {
  const Sandbox sandbox;
  REQUIRE(run_program("train -q " + sandbox.config() + " train.max_steps=1").code == 0);
  const std::string file = sandbox.only_run() + "/weights.safetensors";
  TensorFile weights = read_safetensors(Sandbox::read(file), file);
  weights.metadata.clear();  // its checksums
  for (NamedTensor& tensor : weights.tensors) {
    if (tensor.name == "layers.1.bias") tensor.values.assign(tensor.values.size(), -1e4F);
  }
  const std::string dead = sandbox.write("dead.safetensors", write_safetensors(weights));
  std::filesystem::remove_all(sandbox / "runs");
  const Outcome train = run_program("train -q " + sandbox.config() + " optimizer.type=sgd" +
                                    " optimizer.lr=0.01 train.init_from=" + dead);
  CAPTURE(train.output);
  REQUIRE(train.code == 0);
  CHECK(count(train.output,
              "warning: layers 1 and 2 never moved: every update was zero; layer 2 put out nothing "
              "but zeros on the test set") == 1);
  const auto summary = summary_of(sandbox);
  CHECK(summary.at("unmoved_layers") == Layers{1, 2});
  CHECK(summary.at("silent_layers") == Layers{2});
  CHECK(summary.at("update_ratios")[1] == 0.0);
}

TEST_CASE("a sweep names at its end the layers that took no part in a job, and so does compare") {
  const SweepSandbox sandbox(
      "cases:\n"
      "  last: {model.channels: [4, 5], sampling.scheme: weights, sampling.weights: [0, 0, 1]}\n"
      "  all: {}\n"
      "seeds: 2\n");
  const std::string line = "layers 1 and 2 never moved: never drawn (in ";
  for (const std::string when : {"in its time", "by an earlier invocation"}) {
    const Outcome outcome = sandbox.sweep("-q");
    CAPTURE(when, outcome.output);
    REQUIRE(outcome.code == 0);
    CHECK(count(outcome.output, "warning: " + line + "last-seed=0 and last-seed=1)\n") == 1);
    CHECK(count(outcome.output, "never moved") == 1);
  }
  const Outcome compared = run_program("compare " + sandbox.folder());
  CAPTURE(compared.output);
  REQUIRE(compared.code == 0);
  CHECK(count(compared.output, line + "run " + sandbox.job("last-seed=0") + " and run " +
                                   sandbox.job("last-seed=1") + ")") == 1);
  CHECK(count(compared.output, "never moved") == 1);
}

TEST_CASE("a sweep whose layers all take part says nothing of layers") {
  const SweepSandbox sandbox;
  const Outcome outcome = sandbox.sweep("");
  CAPTURE(outcome.output);
  REQUIRE(outcome.code == 0);
  CHECK(count(outcome.output, "never moved") + count(outcome.output, "nothing but zeros") == 0);
}
