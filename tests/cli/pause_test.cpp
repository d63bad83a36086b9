// SPDX-License-Identifier: MIT
// A run that is stopped and continued: the time between is no training.
#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "catch.h"
#include "slow_run.h"

using namespace dropmuon;

namespace {

std::string quoted_list(const std::string& words) {
  std::string list;
  for (std::size_t begin = 0; begin < words.size();) {
    const std::size_t end = std::min(words.find(' ', begin), words.size());
    list += "'" + words.substr(begin, end - begin) + "',";
    begin = end + 1;
  }
  return list;
}

// Stops the program for 3 s in the middle of training; prints its seconds from the first row of
// metrics to its end, and its exit code.
Outcome stopped_for_three_seconds(const Sandbox& sandbox, const std::string& arguments) {
  return run_script(
      "python3 - <<'EOF'\nimport glob, signal, subprocess, time\n"
      "p = subprocess.Popen([" +
      quoted_list(program() + " " + arguments) +
      "], stdout=subprocess.DEVNULL)\n"
      "def rows(): return sum(len(open(f).readlines()) for f in glob.glob('" +
      (sandbox / "runs/*/*/metrics.csv") +
      "'))\n"
      "while p.poll() is None and rows() < 2: time.sleep(0.002)\n"
      "begin = time.time()\n"
      "while p.poll() is None and rows() < 6: time.sleep(0.002)\n"
      "p.send_signal(signal.SIGSTOP); time.sleep(3); p.send_signal(signal.SIGCONT)\n"
      "code = p.wait()\n"
      "print('seconds', time.time() - begin)\nprint('code', code)\nEOF");
}

}  // namespace

TEST_CASE("a run that is stopped for 3 s does not count them, and says so") {
  const Sandbox sandbox;
  const std::string config = slow_config(sandbox, "sgd", "uniform");
  const Outcome outcome =
      stopped_for_three_seconds(sandbox, "train " + config + " train.max_steps=1500");
  CAPTURE(outcome.output);
  REQUIRE_THAT(outcome.output, Catch::EndsWith("code 0\n"));
  const double wall = std::stod(outcome.output.substr(outcome.output.rfind("seconds ") + 8));
  const std::string run =
      std::filesystem::directory_iterator(sandbox / "runs/sgd-uniform")->path().string();
  const auto summary = nlohmann::json::parse(Sandbox::read(run + "/summary.json"));
  CHECK(summary.at("time/train_s") < wall - 2.5);
  CHECK(summary.at("time/forward_s") < wall - 2.5);
  CHECK(summary.at("time/paused_s") > 2.5);
  CHECK(summary.at("time/paused_s") < 4.5);
  CHECK_THAT(Sandbox::read(run + "/log.txt"),
             Catch::Contains("stood still for ") &&
                 Catch::Contains("(stopped or suspended); left out of the training time"));
}

TEST_CASE("a budget of seconds is one of training, not of standing still") {
  const Sandbox sandbox;
  const std::string config = slow_config(sandbox, "sgd", "uniform");
  const Outcome outcome = stopped_for_three_seconds(
      sandbox, "train -q " + config + " train.max_steps=null train.max_seconds=3");
  CAPTURE(outcome.output);
  REQUIRE_THAT(outcome.output, Catch::EndsWith("code 0\n"));
  const double wall = std::stod(outcome.output.substr(outcome.output.rfind("seconds ") + 8));
  CHECK(wall > 5.0);  // three of them trained after or before the stop
}

TEST_CASE("what an earlier process stood still is in the summary of the run that went on") {
  const Sandbox sandbox;
  const std::string config = slow_config(sandbox, "sgd", "uniform");
  const Outcome cut = run_script(
      "python3 - <<'EOF'\nimport glob, signal, subprocess, time\n"
      "p = subprocess.Popen([" +
      quoted_list(program() + " train -q " + config + " train.max_steps=1500") +
      "], stdout=subprocess.DEVNULL)\n"
      "def rows(): return sum(len(open(f).readlines()) for f in glob.glob('" +
      (sandbox / "runs/*/*/metrics.csv") +
      "'))\n"
      "while p.poll() is None and rows() < 6: time.sleep(0.002)\n"
      "p.send_signal(signal.SIGSTOP); time.sleep(2); p.send_signal(signal.SIGCONT)\n"
      "p.send_signal(signal.SIGTERM)\nprint('code', p.wait())\nEOF");
  CAPTURE(cut.output);
  REQUIRE_THAT(cut.output, Catch::EndsWith("code 75\n"));
  const std::string run =
      std::filesystem::directory_iterator(sandbox / "runs/sgd-uniform")->path().string();
  const auto paused = [&] {
    return nlohmann::json::parse(Sandbox::read(run + "/summary.json")).at("time/paused_s");
  };
  const double before = paused();
  CHECK(before > 1.5);
  const Outcome resumed = run_program("train -q --resume " + run);
  CAPTURE(resumed.output);
  REQUIRE(resumed.code == 0);
  CHECK(paused() >= before);
}
