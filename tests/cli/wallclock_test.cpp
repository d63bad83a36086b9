// SPDX-License-Identifier: MIT
// scripts/wallclock.sh on the synthetic set: what it trains, in which order, and that it goes on.
#include <algorithm>
#include <vector>

#include "catch.h"
#include "program.h"
#include <dropmuon/core/text.h>

using namespace dropmuon;

namespace {

const std::string kScript = std::string(DROPMUON_SOURCE_DIR) + "/scripts/wallclock.sh";

class Pair : public Sandbox {
 public:
  Pair() {
    write("muon.yaml", text("full"));
    write("drop_muon.yaml", text("uniform"));
  }

  // "A B" and the runs below runs/pair.
  std::string command(const std::string& arguments) const {
    return fmt::format(
        "OMP_WAIT_POLICY=passive {} '{}' '{}' --name pair --program {} 'runs_dir={}' {}", kScript,
        *this / "muon.yaml", *this / "drop_muon.yaml", program(), *this / "runs", arguments);
  }
  Outcome run(const std::string& arguments) const { return run_script(command(arguments)); }
  std::string job(const std::string& name) const { return *this / ("runs/pair/" + name); }
  std::string status(const std::string& name) const { return read(job(name) + "/STATUS"); }

  std::vector<std::string> jobs() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(*this / "runs/pair")) {
      if (entry.is_directory()) names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

 private:
  static std::string text(const std::string& scheme) {
    return "name: pair-" + scheme +
           "\ndata: {dataset: synthetic, train_limit: 400}\nmodel: {channels: [4, 6]}\n"
           "train: {epochs: 2, batch_size: 40}\nsampling: {scheme: " +
           scheme + "}\n";
  }
};

std::filesystem::file_time_type ended(const Pair& pair, const std::string& name) {
  return std::filesystem::last_write_time(pair.job(name) + "/summary.json");
}

void check_script_refusal(const std::string& arguments, int code, const std::string& expected) {
  const Outcome outcome = run_script(kScript + " " + arguments);
  CAPTURE(arguments, outcome.output);
  CHECK(outcome.code == code);
  CHECK_THAT(outcome.output, Catch::Contains(expected));
  CHECK(std::count(outcome.output.begin(), outcome.output.end(), '\n') == 1);
}

}  // namespace

TEST_CASE("wallclock: both configurations with each seed, A B B A, A being the baseline") {
  const Pair pair;
  const std::string arguments = "--target test/accuracy=0.02 train.target.stop_at_target=false";
  const Outcome outcome = pair.run("--seeds 2 " + arguments);
  CAPTURE(outcome.output);
  REQUIRE(outcome.code == 0);
  CHECK(pair.jobs() == std::vector<std::string>{"drop_muon-seed=0", "drop_muon-seed=1",
                                                "muon-seed=0", "muon-seed=1"});
  CHECK(ended(pair, "muon-seed=0") < ended(pair, "drop_muon-seed=0"));
  CHECK(ended(pair, "drop_muon-seed=0") < ended(pair, "drop_muon-seed=1"));
  CHECK(ended(pair, "drop_muon-seed=1") < ended(pair, "muon-seed=1"));
  const std::string config = Sandbox::read(pair.job("muon-seed=1") + "/config.yaml");
  CHECK_THAT(config, Catch::Contains("metric: test_accuracy") &&
                         Catch::Contains("stop_at_target: false") && Catch::Contains("seed: 1"));
  CHECK_THAT(outcome.output, Catch::Contains("test/accuracy >= 0.02") &&
                                 Catch::Contains("baseline: sampling.scheme=full;") &&
                                 Catch::Contains("2 of 2") && Catch::Contains(pair / "runs/pair"));

  SECTION("the same command trains nothing again, and more seeds are added") {
    const auto before = ended(pair, "muon-seed=1");
    const Outcome more = pair.run("--seeds 3 " + arguments);
    CAPTURE(more.output);
    CHECK(more.code == 0);
    CHECK_THAT(more.output, Catch::Contains("3 of 3"));
    CHECK(pair.jobs().size() == 6);
    CHECK(ended(pair, "muon-seed=1") == before);
    const Outcome fewer = pair.run("--seeds 1 " + arguments);
    CHECK_THAT(fewer.output, Catch::Contains("1 of 1"));
  }
  SECTION("a report of the same runs, or one line that says what it needs") {
    const Outcome report = pair.run("--seeds 2 " + arguments + " --report " + pair / "r.html");
    CAPTURE(report.output);
    if (run_script("/usr/bin/python3 -c 'import matplotlib'").code == 0) {
      CHECK(report.code == 0);
      CHECK_THAT(Sandbox::read(pair / "r.html"), Catch::Contains("</html>"));
    } else {
      CHECK(report.code == 69);
      CHECK_THAT(report.output, Catch::Contains("scripts/install_packages.sh plot"));
    }
  }
  SECTION("other settings under the same name are refused") {
    const Outcome other = pair.run("--seeds 2 " + arguments + " optimizer.lr=0.01");
    CAPTURE(other.output);
    CHECK(other.code == 78);
  }
}

TEST_CASE("wallclock: stopped by a signal, the same command goes on") {
  const Pair pair;
  const std::string arguments =
      "--seeds 1 --target test/accuracy=1 train.epochs=120 train.eval_every_epochs=60";
  const std::string running = "grep -qs running '" + pair.job("muon-seed=0") + "/STATUS'";
  const Outcome stopped =
      run_script(pair.command(arguments) + " & child=$!\nfor i in $(seq 300); do " + running +
                 " && break; sleep 0.1; done\nkill -TERM $child; wait $child");
  CAPTURE(stopped.output);
  CHECK(stopped.code == 75);
  CHECK_THAT(stopped.output, Catch::Contains("the same command goes on\n"));
  CHECK(pair.status("muon-seed=0") == "stopped\n");
  const Outcome on = pair.run(arguments);
  CAPTURE(on.output);
  CHECK(on.code == 0);
  CHECK(pair.status("muon-seed=0") == "done\n");
  CHECK_THAT(Sandbox::read(pair.job("muon-seed=0") + "/log.txt"),
             Catch::Contains("going on after step"));
}

TEST_CASE("wallclock: files of the same name and paths with spaces and quotes") {
  const Pair pair;
  const std::string a = pair.write("it's a/x.yaml", Sandbox::read(pair / "muon.yaml"));
  const std::string b = pair.write("b/x.yaml", Sandbox::read(pair / "drop_muon.yaml"));
  const Outcome outcome =
      run_script(fmt::format("cd \"{}\"; \"{}\" \"{}\" b/x.yaml --program {} --seeds 1 --target "
                             "test/accuracy=0.02 runs_dir=\"it's a/runs\"",
                             pair / "", kScript, a, program()));
  CAPTURE(outcome.output, b);
  CHECK(outcome.code == 0);
  const std::string folder = pair / "it's a/runs/pair-full-vs-pair-uniform/";
  CHECK(Sandbox::read(folder + "a-x-seed=0/STATUS") == "done\n");
  CHECK(Sandbox::read(folder + "b-x-seed=0/STATUS") == "done\n");
}

TEST_CASE("wallclock: mistakes are one line and an exit code") {
  const Pair pair;
  const std::string a = pair / "muon.yaml";
  const std::string b = pair / "drop_muon.yaml";
  const std::string both =
      a + " " + b + " --program " + program() + " runs_dir=" + pair / "runs" + " ";
  check_script_refusal("", 2, "expected two configurations, found 0");
  check_script_refusal(a, 2, "expected two configurations, found 1");
  check_script_refusal(both + a, 2, "expected two configurations, found 3");
  check_script_refusal(both + "--seed 3", 2, "unknown option '--seed'");
  check_script_refusal(both + "--seeds", 2, "--seeds needs a value");
  for (const std::string seeds : {"0", "-1", "x", "2.5"}) {
    check_script_refusal(both + "--seeds " + seeds, 2,
                         "--seeds '" + seeds + "': expected a whole number");
  }
  check_script_refusal(both + "--name a/b", 2, "--name 'a/b'");
  check_script_refusal(both, 2, "no target to reach");
  check_script_refusal(both + "--target accuracy=0.9", 2, "--target 'accuracy=0.9'");
  check_script_refusal(both + "seed=3", 2, "--seeds N");
  check_script_refusal(both + "name=x", 2, "--name");
  check_script_refusal(a + " " + a + " --program " + program(), 2, "the same file");
  check_script_refusal(a + " " + b + " --program " + pair / "none", 66, "no program at");
  check_script_refusal(a + " " + pair / "none.yaml" + " --program " + program(), 66, "none.yaml");
  check_script_refusal(both + "optimizer.lrr=1", 78, "did you mean");
  check_script_refusal(both + "--report " + pair / "none/report.html", 73, "there is no folder");
  CHECK_FALSE(std::filesystem::exists(pair / "runs"));
  const Outcome help = run_script(kScript + " --help");
  CHECK(help.code == 0);
  CHECK_THAT(help.output, Catch::Contains("usage: scripts/wallclock.sh CONFIG_A CONFIG_B"));
}

TEST_CASE("wallclock: a name is taken as it is or refused before anything is made") {
  const Pair pair;
  const std::string both = (pair / "muon.yaml") + " " + (pair / "drop_muon.yaml") + " --program " +
                           program() + " --seeds 1 --target test/accuracy=0.9 train.epochs=1 " +
                           "runs_dir=" + (pair / "runs") + " --name ";
  for (const std::string& name : {std::string(101, 'x'), std::string("-x"), std::string(".x"),
                                  std::string("'a\nb'"), std::string("'a b'")}) {
    check_script_refusal(both + name, 2, "expected 1 to 100 letters, digits");
  }
  CHECK_FALSE(std::filesystem::exists(pair / "runs"));
  const std::string bytes = pair / "\xfc.yaml";  // of another encoding
  std::filesystem::copy_file(pair / "muon.yaml", bytes);
  check_script_refusal(bytes + " " + both + "odd", 2, "expected two configurations, found 3");
  check_script_refusal(bytes + " " + both.substr(both.find(' ') + 1) + "odd", 2,
                       "is no UTF-8 text");
  CHECK_FALSE(std::filesystem::exists(pair / "runs"));
  for (const std::string& name : {std::string("null"), std::string(100, 'y')}) {
    const Outcome outcome = run_script(kScript + " " + both + name);
    CAPTURE(name, outcome.output);
    CHECK(outcome.code == 0);
    CHECK(Sandbox::read(pair / ("runs/" + name + "/muon-seed=0/STATUS")) == "done\n");
  }
}

TEST_CASE("wallclock: whatever the files are called, the cases have names") {
  struct Names {
    std::string a, b;  // files
    std::string case_a, case_b;
  };
  const std::string many(64, 'x');
  for (const Names& names : std::vector<Names>{
           {many + "1.yaml", many + "2.yaml", "a-" + many.substr(0, 58), "b-" + many.substr(0, 58)},
           {"ü.yaml", "é.yaml", "a", "b"},
           {".hid.yaml", "-dash o.yaml", "hid", "dash-o"},
           {"v1.2.yaml", "muon", "v1.2", "muon"},
           {"null.yaml", "true.yaml", "null", "true"},
           {"a\nb.yaml", "c\t\"d\\.yaml", "a-b", "c-d-"},
           {"x.yaml\n", "1e3", "x.yaml-", "1e3"},
           {"it's: {#.yaml", "\xc2\x85.yaml", "it-s-", "b"}}) {
    CAPTURE(names.a, names.b);
    const Pair pair;
    for (const std::string& file : {names.a, names.b}) {
      std::filesystem::copy_file(pair / "muon.yaml", pair / file);
    }
    const Outcome outcome = run_script(fmt::format(
        "HOME='{0}' {1} {0}{2} {0}{3} --name pair --program {4} 'runs_dir=~/runs' --seeds 1 "
        "--target test/accuracy=0.9 train.epochs=1",
        pair / "", kScript, shell_quoted(names.a), shell_quoted(names.b), program()));
    CAPTURE(outcome.output);
    CHECK(pair.status(names.case_a + "-seed=0") == "done\n");
    CHECK(pair.status(names.case_b + "-seed=0") == "done\n");
  }
}

TEST_CASE("wallclock.sh takes paths as the program does") {
  const Pair pair;
  const auto run = [&](const std::string& arguments) {
    return run_script(fmt::format("cd '{0}' && HOME='{0}' {1} {2} --program {3}", pair / "",
                                  kScript, arguments, program()));
  };
  for (const std::string refused :
       {"'~ada/a.yaml' b.yaml", "a.yaml '$X/b.yaml'", "a.yaml b.yaml --report '~ada/r.html'",
        "a.yaml b.yaml 'runs_dir=~ada'"}) {
    const Outcome outcome = run(refused);
    CAPTURE(refused, outcome.output);
    CHECK(outcome.code == 2);
    CHECK_THAT(outcome.output,
               Catch::StartsWith("wallclock: ") && Catch::Contains("write the folder out"));
    CHECK(std::count(outcome.output.begin(), outcome.output.end(), '\n') == 1);
  }
  std::filesystem::copy_file(pair / "muon.yaml", pair / "other.yaml");
  const Outcome outcome =
      run("'~/muon.yaml' '~/other.yaml' --name pair 'runs_dir=~/runs' --seeds 1 "
          "--target test/accuracy=0.9 train.epochs=1");
  CAPTURE(outcome.output);
  CHECK(pair.status("muon-seed=0") == "done\n");
  CHECK_FALSE(std::filesystem::exists(pair / "~"));
}
