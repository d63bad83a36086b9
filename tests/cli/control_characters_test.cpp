// SPDX-License-Identifier: MIT
// Line breaks and commands for terminals in what a user gives: the answer is as many lines as ever.
#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "catch.h"
#include "program.h"

using namespace dropmuon;

namespace {

constexpr const char* kHostile = "a\nb\x1b[31mc\r\xc2\x9b;";

void check_lines(const std::string& script, int code) {
  const Outcome outcome = run_script(script);
  CAPTURE(script, outcome.output);
  CHECK(outcome.code == code);
  CHECK_THAT(outcome.output, Catch::StartsWith("dropmuon: ") && !Catch::Contains("internal error"));
  const auto lines = std::count(outcome.output.begin(), outcome.output.end(), '\n');
  CHECK((lines == 1 || (code == 78 && lines == 3)));  // with the source line and a caret
  const bool has_control = std::any_of(
      outcome.output.begin(), outcome.output.end(),
      [](unsigned char letter) { return (letter < 0x20 && letter != '\n') || letter == 0x7F; });
  CHECK_FALSE(has_control);
  CHECK_THAT(outcome.output, !Catch::Contains("\xc2\x9b"));
}

}  // namespace

TEST_CASE("a line break in a word of the command line does not break the answer's line") {
  const Sandbox sandbox;
  const std::string hostile = fmt::format("'{}'", kHostile);
  const auto answer = [&](const std::string& arguments, int code) {
    check_lines("cd " + (sandbox / ".") + "; " + program() + " " + arguments, code);
  };
  for (const char* key :
       {"name", "runs_dir", "data.root", "data.dataset", "device", "seed", "optimizer.type",
        "optimizer.lr", "train.init_from", "model.channels", "train.target", "no_such_key"}) {
    answer(fmt::format("train good.yaml {}={}", key, hostile), 78);
    answer(fmt::format("train good.yaml {}={}=1", key, hostile), 78);
    answer(fmt::format("train good.yaml {}{}=1", key, hostile), 78);
  }
  answer("train good.yaml " + hostile, 78);
  for (const char* command :
       {"train", "train --resume", "eval", "plan", "bench", "compare", "sweep", "config show"}) {
    answer(fmt::format("{} {}", command, hostile), 66);
  }
  answer("data mnist --root " + hostile, 66);
  answer("data " + hostile, 78);
  answer("data --root '~" + hostile.substr(1), 2);
  answer(hostile, 2);
  answer("config " + hostile, 2);
  answer("info " + hostile, 2);
  answer("bench good.yaml --rounds " + hostile, 2);
  answer("bench good.yaml --x" + hostile, 2);
  answer("sweep good.yaml --emit " + hostile, 2);
}

TEST_CASE("a line break in a file, or in its name, does not break the answer's line") {
  const Sandbox sandbox;
  const std::string odd = "a\nb\x1b[31mc";
  const std::vector<std::string> texts = {"optimizer: {type: \"a\\nb\\ec\"}\n",
                                          "\"a\\nb\\ec\": 1\n",
                                          "name: \"a\\nb\\ec\"\n",
                                          "optimizer: {\"l\\nr\": 1}\n",
                                          "data: {root: \"a\\nb\"}\n",
                                          "seed: \"1\\n2\"\n",
                                          "name: a\nname: b\n"};
  for (const std::string& text : texts) {
    sandbox.write(odd + ".yaml", text);
    check_lines(program() + " train '" + (sandbox / odd) + ".yaml'", 78);
  }
  sandbox.write(odd + ".yaml", "name: s\nbase: \"a\\nb.yaml\"\n");
  const Outcome sweep = run_script(program() + " sweep '" + (sandbox / odd) + ".yaml'");
  CAPTURE(sweep.output);
  CHECK(sweep.code == 66);
  CHECK(std::count(sweep.output.begin(), sweep.output.end(), '\n') == 3);
  std::filesystem::create_directory(sandbox / odd);
  check_lines(program() + " train '" + (sandbox / odd) + "'", 66);
  check_lines(program() + " eval '" + (sandbox / odd) + "'", 66);
}
