// SPDX-License-Identifier: MIT
// Signals to a training run; what they do to a sweep is in sweep_signals_test.cpp.
#include <filesystem>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "catch.h"
#include "program.h"
#include "slow_run.h"

using namespace dropmuon;
namespace fs = std::filesystem;

TEST_CASE("SIGINT, SIGTERM and SIGHUP finish the step, write STATUS and exit with 75") {
  for (const std::string signal : {"INT", "TERM", "HUP"}) {
    const Sandbox sandbox;
    const Outcome outcome = interrupted("train " + sandbox.config() + " train.epochs=100000",
                                        sandbox / "runs/*/*/metrics.csv", 2, signal);
    CAPTURE(signal, outcome.output);
    CHECK(outcome.code == 75);
    CHECK_THAT(outcome.output, Catch::Contains("stopped after"));
    CHECK(Sandbox::read(sandbox.only_run() + "/STATUS") == "stopped\n");
    const auto summary = nlohmann::json::parse(Sandbox::read(sandbox.only_run() + "/summary.json"));
    CHECK(summary.at("status") == "stopped");
    CHECK(summary.contains("test/accuracy"));
  }
}

TEST_CASE("SIGHUP is nothing to a run under nohup") {
  const Sandbox sandbox;
  const Outcome outcome = run_script(fmt::format(
      "rows() {{ cat {0}runs/*/*/metrics.csv 2>/dev/null | wc -l; }}\n"
      "until_rows() {{ while kill -0 $pid 2>/dev/null && [ $(rows) -lt $1 ]; do sleep "
      "0.01; done; }}\n"
      "nohup {1} train -q {2} train.epochs=100000 train.max_steps=null >/dev/null & pid=$!\n"
      "until_rows 5; kill -HUP $pid; later=$(($(rows) + 10)); until_rows $later\n"
      "[ $(rows) -ge $later ] && echo goes on; kill -TERM $pid; wait $pid",
      sandbox / "", program(), slow_config(sandbox, "sgd", "uniform")));
  CAPTURE(outcome.output);
  CHECK(outcome.code == 75);
  CHECK_THAT(outcome.output, Catch::Contains("goes on\n"));
}

TEST_CASE("SIGUSR1 saves the state and the run goes on") {
  const Sandbox sandbox;
  const std::string config = slow_config(sandbox, "muon", "uniform");
  const Outcome outcome = run_script(fmt::format(
      "{} train -q {} checkpoint.every_epochs=null checkpoint.best=false train.max_steps=null "
      ">/dev/null & pid=$!; "
      "while kill -0 $pid 2>/dev/null && [ $(cat {}/runs/*/*/metrics.csv 2>/dev/null | wc -l) -lt "
      "5 ]; do sleep 0.01; done; "
      "ls {}/runs/*/*/checkpoints/latest 2>/dev/null && echo too early; kill -USR1 $pid; "
      "for i in $(seq 6000); do ls {}/runs/*/*/checkpoints/latest 2>/dev/null && break; sleep "
      "0.01; done; kill -0 $pid && echo still training; kill -TERM $pid; wait $pid",
      program(), config, sandbox / "", sandbox / "", sandbox / ""));
  CAPTURE(outcome.output);
  CHECK(outcome.code == 75);
  CHECK_THAT(outcome.output, Catch::Contains("checkpoints/latest\nstill training"));
  CHECK_THAT(outcome.output, !Catch::Contains("too early"));
}

// The kernels of a matrix product may borrow the stack pointer; see answer_signals().
TEST_CASE("hundreds of signals in the middle of matrix products change no bit") {
  const Sandbox sandbox;
  const std::string train = fmt::format(
      "'{}', 'train', '-q', '{}', 'train.batch_size=1024', 'data.train_limit=1024', "
      "'model.channels=[64,128]', 'train.max_steps=8'",
      program(), slow_config(sandbox, "sgd", "uniform"));
  const Outcome outcome = run_script(
      fmt::format("python3 - <<'EOF'\n"
                  "import glob, signal, subprocess, time\n"
                  "sent = 0\n"
                  "for folder in '{0}calm', '{0}pelted':\n"
                  "    p = subprocess.Popen([{1}, 'runs_dir=' + folder], "
                  "stdout=subprocess.DEVNULL)\n"
                  "    while p.poll() is None:\n"
                  "        if 'pelted' in folder and glob.glob(folder + '/*/*/metrics.csv'):\n"
                  "            p.send_signal(signal.SIGUSR1)\n"
                  "            sent += 1\n"
                  "        time.sleep(0.0003)\n"
                  "    print('code', p.returncode)\n"
                  "print('enough' if sent > 200 else f'only {{sent}}')\n"
                  "EOF\n"
                  "cmp {0}calm/*/*/weights.safetensors {0}pelted/*/*/weights.safetensors && echo "
                  "same",
                  sandbox / "", train));
  CHECK(outcome.output == "code 0\ncode 0\nenough\nsame\n");
}

// `script`, Python, sends to `p` while it is in a step, which takes a second or so.
Outcome in_a_step(const Sandbox& sandbox, const std::string& script) {
  fs::remove_all(sandbox / "runs");
  const std::string config = slow_config(sandbox, "sgd", "uniform");
  return run_script(
      fmt::format("python3 - <<'EOF'\n"
                  "import glob, signal, subprocess, time\n"
                  "p = subprocess.Popen(['{}', 'train', '-q', '{}', "
                  "'train.batch_size=4096', 'data.train_limit=4096', "
                  "'model.channels=[128,256]'], stdout=subprocess.DEVNULL)\n"
                  "while p.poll() is None and not glob.glob('{}runs/*/*/metrics.csv'):"
                  " time.sleep(0.01)\n"
                  "time.sleep(0.1)\n"
                  "{}print('code', p.wait())\nEOF",
                  program(), config, sandbox / "", script));
}

TEST_CASE("a second signal ends the program at once") {
  const Sandbox sandbox;
  for (const auto& [signal, code] : {std::pair{"INT", 130}, {"TERM", 143}}) {
    const Outcome outcome = in_a_step(
        sandbox,
        fmt::format("while p.poll() is None: p.send_signal(signal.SIG{}); time.sleep(0.4)\n",
                    signal));
    CAPTURE(signal, outcome.output);
    CHECK_THAT(outcome.output, Catch::Contains(fmt::format("code {}\n", code)));
  }
}

TEST_CASE("a signal that comes twice at once, as from a service manager, is one request") {
  const Sandbox sandbox;
  Outcome outcome;
  for (int attempt = 0; attempt < 3; ++attempt) {  // a machine that stalls between may make it two
    outcome = in_a_step(sandbox, "p.terminate(); time.sleep(0.05); p.terminate()\n");
    if (outcome.output.ends_with("code 75\n")) break;
  }
  CAPTURE(outcome.output);
  CHECK_THAT(outcome.output, Catch::EndsWith("code 75\n"));
}

TEST_CASE("a second signal is heard even where standard error takes nothing") {
  const Sandbox sandbox;
  const Outcome outcome = run_script(
      "python3 - <<'EOF'\n"
      "import os, signal, subprocess, time\n"
      "reader, writer = os.pipe()\n"
      "os.set_blocking(writer, False)\n"
      "try:\n"
      "    while True: os.write(writer, b'x' * 4096)\n"
      "except BlockingIOError: os.set_blocking(writer, True)\n"
      "p = subprocess.Popen(['" +
      program() + "', 'train', '" + sandbox.config() +
      "'], stdout=subprocess.DEVNULL, stderr=writer)\n"
      "def blocked(): return [line for line in open(f'/proc/{p.pid}/status') if "
      "line.startswith('SigBlk')][0]\n"
      "while p.poll() is None and not int(blocked().split()[1], 16) >> 14 & 1: time.sleep(0.01)\n"
      "time.sleep(0.5)\n"  // it has met the full pipe
      "for _ in range(50):\n"
      "    if p.poll() is None: p.terminate(); time.sleep(0.4)\n"
      "if p.poll() is None: p.kill(); print('deaf')\n"
      "print('code', p.wait())\nEOF");
  CHECK(outcome.output == "code 143\n");
}
