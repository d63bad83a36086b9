// SPDX-License-Identifier: MIT
// Saved weights as `eval` and `train.init_from` read them back.
#include <cstdint>
#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "catch.h"
#include "program.h"

using namespace dropmuon;
namespace fs = std::filesystem;

TEST_CASE("eval and init_from read run folders, checkpoints and weights files") {
  const Sandbox sandbox;
  REQUIRE(run_program("train -q " + sandbox.config() + " checkpoint.keep=3").code == 0);
  const std::string run = sandbox.only_run();
  const auto summary = nlohmann::json::parse(Sandbox::read(run + "/summary.json"));
  const auto accuracy = [&](const std::string& path) {
    const Outcome eval = run_program("eval --json " + path);
    CAPTURE(eval.output);
    REQUIRE(eval.code == 0);
    return nlohmann::json::parse(eval.output.substr(eval.output.find('{'))).at("test/accuracy");
  };
  const auto last = summary.at("test/accuracy");
  for (const std::string path :
       {"", "/weights.safetensors", "/checkpoints/step_00000020",
        "/checkpoints/step_00000020/weights.safetensors", "/checkpoints/latest"}) {
    CAPTURE(path);
    CHECK(accuracy(run + path) == last);
  }
  CHECK(accuracy(run + "/checkpoints/best") == summary.at("best/test/accuracy"));
  CHECK(accuracy(run + "/checkpoints") == last);
  const std::string in_folder = "cd " + run + "/checkpoints && " + program() + " eval --json ";
  for (const std::string name : {"latest", "best", "step_00000020"}) {
    CHECK(run_script(in_folder + name).code == 0);
  }
  fs::remove(run + "/weights.safetensors");
  CHECK(accuracy(run) == last);  // the newest checkpoint then
  CHECK(run_program("eval " + (sandbox / "none")).code == 66);
  CHECK(run_program("eval " + sandbox.config()).code == 66);

  // Starting from weights: the evaluation before the first step is theirs.
  for (const std::string path : {"", "/checkpoints/best"}) {
    fs::remove_all(sandbox / "next");
    const Outcome next = run_program("train -q " + sandbox.config() + " train.init_from=" + run +
                                     path + " train.max_steps=1 runs_dir=" + (sandbox / "next"));
    CAPTURE(next.output);
    REQUIRE(next.code == 0);
    const std::string folder = fs::directory_iterator(sandbox / "next/small")->path().string();
    CHECK_THAT(Sandbox::read(folder + "/provenance.json"), Catch::Contains("initial_weights"));
    const std::string metrics = Sandbox::read(folder + "/metrics.jsonl");
    CHECK(nlohmann::json::parse(metrics.substr(0, metrics.find('\n'))).at("test/accuracy") ==
          (path.empty() ? last : summary.at("best/test/accuracy")));
  }
  const std::string with =
      "train -q " + sandbox.config() + " runs_dir=" + (sandbox / "bad") + " train.init_from=";
  CHECK(run_program(with + (sandbox / "none")).code == 66);
  CHECK_THAT(run_program(with + sandbox.config()).output,
             Catch::Contains("is it a safetensors file?"));
  // Once begun, a run does not need its source any more.
  const std::string source = sandbox / "source.safetensors";
  fs::copy_file(run + "/checkpoints/step_00000020/weights.safetensors", source);
  fs::remove_all(sandbox / "next");
  REQUIRE(run_program("train -q " + sandbox.config() + " train.init_from=" + source +
                      " runs_dir=" + (sandbox / "next"))
              .code == 0);
  const std::string begun = fs::directory_iterator(sandbox / "next/small")->path().string();
  std::ofstream(begun + "/STATUS") << "stopped\n";
  fs::remove(source);
  CHECK(run_program("train --resume " + begun).code == 0);
  const Outcome other = run_program(with + run + " model.channels=[5,6]");
  CHECK(other.code == 65);
  CHECK_THAT(other.output,
             Catch::Contains("layers.0.weight has shape [4,3,3,1], expected [5,3,3,1]"));
  CHECK_FALSE(fs::exists(sandbox / "bad"));
}

TEST_CASE("one wrong bit in the final weights is found, and files from elsewhere need no sums") {
  const Sandbox sandbox;
  REQUIRE(run_program("train -q " + sandbox.config()).code == 0);
  const std::string weights = sandbox.only_run() + "/weights.safetensors";
  const std::string good = Sandbox::read(weights);
  std::string bad = good;
  bad[bad.size() - 50] ^= 0x40;
  std::ofstream(weights, std::ios::binary) << bad;
  const Outcome outcome = run_program("eval " + sandbox.only_run());
  CHECK(outcome.code == 65);
  CHECK_THAT(outcome.output, Catch::Contains("is damaged: its CRC-32C is"));
  // Without the sums, as another program would write it.
  std::uint64_t old = 0;
  for (std::size_t i = 8; i-- > 0;) old = old << 8 | static_cast<unsigned char>(good[i]);
  auto header = nlohmann::ordered_json::parse(good.substr(8, old));
  header.erase("__metadata__");
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::string length(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) length[i] = static_cast<char>(text.size() >> (8 * i));
  std::ofstream(weights, std::ios::binary) << length + text + good.substr(8 + old);
  CHECK(run_program("eval " + sandbox.only_run()).code == 0);
}

TEST_CASE("weights of a checkpoint are verified, and a damaged one that is passed over is named") {
  const Sandbox sandbox;
  REQUIRE(run_program("train -q " + sandbox.config() + " checkpoint.keep=3").code == 0);
  const std::string run = sandbox.only_run();
  const std::string newest = run + "/checkpoints/step_00000020/weights.safetensors";
  std::string bytes = Sandbox::read(newest);
  bytes[bytes.size() - 50] ^= 0x40;
  std::ofstream(newest, std::ios::binary) << bytes;
  for (const std::string& path : {newest, fs::path(newest).parent_path().string()}) {
    CAPTURE(path);
    CHECK(run_program("eval " + path).code == 65);
  }
  CHECK(run_script("cd " + fs::path(newest).parent_path().string() + " && " + program() +
                   " eval weights.safetensors")
            .code == 65);
  fs::remove(run + "/weights.safetensors");
  for (const std::string& path : {run, run + "/checkpoints/latest"}) {
    const Outcome outcome = run_program("eval " + path);
    CAPTURE(path, outcome.output);
    CHECK(outcome.code == 0);
    CHECK_THAT(outcome.output,
               Catch::Contains("warning: ") && Catch::Contains("step_00000020 is damaged"));
  }
}
