// SPDX-License-Identifier: MIT
// Whole runs of the program on the synthetic set.
#include <filesystem>
#include <sstream>

#include <nlohmann/json.hpp>

#include "catch.h"
#include "program.h"

using namespace dropmuon;

namespace {

// metrics.csv without its time columns.
std::string csv_without_times(const std::string& csv) {
  std::istringstream lines(csv);
  std::string out;
  std::vector<bool> keep;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream cells(line + ",");
    std::size_t column = 0;
    for (std::string cell; std::getline(cells, cell, ','); ++column) {
      if (out.empty() || keep.size() <= column) {
        keep.push_back(!cell.starts_with("time/") && !cell.starts_with("perf/images"));
      }
      if (keep[column]) out += cell + ";";
    }
    out += "\n";
  }
  return out;
}

}  // namespace

TEST_CASE("train writes the whole run folder and eval reads it back") {
  const Sandbox sandbox;
  const Outcome train = run_program("train " + sandbox.config());
  CAPTURE(train.output);
  REQUIRE(train.code == 0);
  CHECK_THAT(train.output, Catch::Contains("synthetic: 400 + 1024 images"));
  const std::string run = sandbox.only_run();
  for (const std::string name : {"config.yaml", "provenance.json", "metrics.csv", "metrics.jsonl",
                                 "log.txt", "summary.json", "weights.safetensors"}) {
    CAPTURE(name);
    CHECK(std::filesystem::file_size(run + "/" + name) > 0);
  }
  CHECK(Sandbox::read(run + "/STATUS") == "done\n");
  const auto summary = nlohmann::json::parse(Sandbox::read(run + "/summary.json"));
  CHECK(summary.at("step") == 20);
  const auto provenance = nlohmann::json::parse(Sandbox::read(run + "/provenance.json"));
  CHECK(provenance.at("data").at("verdict") == "synthetic");

  const Outcome eval = run_program("eval --json " + run);
  REQUIRE(eval.code == 0);
  const auto found = nlohmann::json::parse(eval.output.substr(eval.output.find('{')));
  CHECK(found.at("test/accuracy") == summary.at("test/accuracy"));
  CHECK(found.at("test/loss").get<double>() ==
        Approx(summary.at("test/loss").get<double>()).epsilon(1e-7));
  CHECK(found.at("train/accuracy") == summary.at("train/accuracy"));
}

TEST_CASE("the same run twice gives identical metrics apart from the time columns") {
  const Sandbox sandbox;
  std::vector<std::string> csv;
  for (const std::string name : {"a", "b"}) {
    const Outcome outcome = run_program("train -q " + sandbox.config() +
                                        " sampling.scheme=uniform runs_dir=" + (sandbox / name));
    REQUIRE(outcome.code == 0);
    for (const auto& entry : std::filesystem::directory_iterator(sandbox / (name + "/small"))) {
      csv.push_back(Sandbox::read(entry.path().string() + "/metrics.csv"));
    }
  }
  REQUIRE(csv.size() == 2);
  CHECK(csv[0] != csv[1]);  // the times differ, so the comparison below means something
  CHECK(csv_without_times(csv[0]) == csv_without_times(csv[1]));
}

TEST_CASE("a diverging run says so, writes STATUS and exits with 76") {
  const Sandbox sandbox;
  const Outcome outcome =
      run_program("train " + sandbox.config() +
                  " optimizer.type=sgd optimizer.lr=1e6 optimizer.weight_decay=1");
  CAPTURE(outcome.output);
  CHECK(outcome.code == 76);
  CHECK(Sandbox::read(sandbox.only_run() + "/STATUS") == "diverged\n");
}

TEST_CASE("plan, bench, data, config and info answer") {
  const Sandbox sandbox;
  const Outcome plan = run_program("plan --json " + sandbox.config());
  REQUIRE(plan.code == 0);
  const auto planned = nlohmann::json::parse(plan.output.substr(plan.output.find('{')));
  CHECK(planned.at("layers").size() == 3);
  CHECK(planned.at("starts").size() == 3);
  CHECK(planned.at("total_steps") == 20);
  CHECK_THAT(run_program("plan " + sandbox.config()).output, Catch::Contains("peak memory about"));
  const Outcome bench = run_program("bench --json --rounds 2 --warmup 1 " + sandbox.config());
  REQUIRE(bench.code == 0);
  const auto measured = nlohmann::json::parse(bench.output.substr(bench.output.find('{')));
  CHECK(measured.at("step_seconds").size() == 2);
  CHECK(measured.at("peak_flops") > 1e8);
  CHECK_THAT(run_program("data synthetic").output, Catch::Contains("1024 test images"));
  const Outcome shown = run_program("config show " + sandbox.config() + " seed=17");
  CHECK(shown.code == 0);
  CHECK_THAT(shown.output, Catch::Contains("seed: 17"));
  CHECK_THAT(run_program("info").output, Catch::Contains("oneDNN"));
  for (const std::string command :
       {"train", "eval", "plan", "bench", "sweep", "compare", "data", "config", "info"}) {
    CAPTURE(command);
    const Outcome help = run_program(command + " --help");
    CHECK(help.code == 0);
    CHECK_THAT(help.output, Catch::Contains("Example: dropmuon " + command));
  }
}

TEST_CASE("auto takes the CPU and says so") {
  const Sandbox sandbox;
  const Outcome outcome =
      run_script(kHideGpu + program() + " train " + sandbox.config() + " train.max_steps=1");
  CHECK(outcome.code == 0);
  CHECK_THAT(outcome.output, Catch::Contains("device: auto takes the CPU"));
}

TEST_CASE(
    "on a terminal the bar is drawn, with -q it is not, and a closed terminal and Ctrl-C stop the "
    "run in order") {
  const Sandbox sandbox;
  // Python's pty module gives the program a terminal and takes it away again.
  const std::string script = sandbox.write("terminal.py", R"(
import os, pty, sys
asked = False
child, master = pty.fork()
if child == 0:
    os.execv(sys.argv[2], sys.argv[2:])
shown = b""
while not (sys.argv[1] == "hang-up" and b"ETA" in shown):
    try:
        piece = os.read(master, 4096)
    except OSError:
        break
    if not piece:
        break
    shown += piece
    if sys.argv[1] == "ctrl-c" and b"ETA" in shown and not asked:
        asked = os.write(master, b"\x03")
os.close(master)
status = os.waitpid(child, 0)[1]
print("bar" if b"ETA" in shown else "no bar", "code", os.waitstatus_to_exitcode(status))
)");
  const std::string command = " " + program() + " train " + sandbox.config();
  CHECK(run_script("TERM=xterm python3 " + script + " stay" + command).output == "bar code 0\n");
  CHECK(run_script("TERM=xterm python3 " + script + " stay" + command + " -q").output ==
        "no bar code 0\n");
  for (const std::string terminal : {"TERM=dumb", "TERM=", "env -u TERM"}) {
    CAPTURE(terminal);
    CHECK(run_script(terminal + " python3 " + script + " stay" + command).output ==
          "no bar code 0\n");
  }
  for (const std::string how : {"hang-up", "ctrl-c"}) {
    CAPTURE(how);
    const std::string folder = " train.epochs=100000 runs_dir=" + (sandbox / how);
    CHECK(run_script("TERM=xterm python3 " + script + " " + how + command + folder).output ==
          "bar code 75\n");
    for (const auto& entry : std::filesystem::directory_iterator(sandbox / (how + "/small"))) {
      CHECK(Sandbox::read(entry.path().string() + "/STATUS") == "stopped\n");
    }
  }
}

TEST_CASE("file names with bytes that are no UTF-8 do no harm") {
  const Sandbox sandbox;
  const std::string odd = sandbox.write("caf\xe9.yaml", Sandbox::read(sandbox.config()));
  const Outcome outcome = run_program("train '" + odd + "' train.max_steps=1");
  CAPTURE(outcome.output);
  CHECK(outcome.code == 0);
}

TEST_CASE("without standard streams messages go nowhere, least of all into the run's files") {
  const Sandbox sandbox;
  const std::string train = program() + " train " + sandbox.config() + " train.max_steps=1 ";
  CHECK(run_script(train + ">&- 2>&-").code == 0);
  const std::string run = sandbox.only_run();
  CHECK(Sandbox::read(run + "/.lock").empty());
  const std::string log = Sandbox::read(run + "/log.txt");
  CHECK_FALSE(log.empty());
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    CAPTURE(line);
    CHECK(log.find(line) == log.rfind(line));
  }
}

TEST_CASE("a budget of seconds ends the run as done") {
  const Sandbox sandbox;
  CHECK(run_program("train -q " + sandbox.config() + " train.epochs=100000 train.max_seconds=1")
            .code == 0);
  const std::string run = sandbox.only_run();
  CHECK(Sandbox::read(run + "/STATUS") == "done\n");
  const auto summary = nlohmann::json::parse(Sandbox::read(run + "/summary.json"));
  CHECK(summary.at("time/train_s") >= 1.0);
  CHECK(summary.at("step") < 1'000'000);  // of 100000 epochs
  CHECK(summary.contains("test/accuracy"));
}
