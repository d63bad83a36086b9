// SPDX-License-Identifier: MIT
// `dropmuon sweep` as a user meets it: output, exit codes, the table.
#include <algorithm>

#include "../../src/experiments/sweep/pool.h"
#include "catch.h"
#include "cli/sweep_table.h"
#include "sweep_sandbox.h"

using namespace dropmuon;
namespace fs = std::filesystem;

namespace {

std::size_t lines_of(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

SweepReport example() {
  SweepReport report{.name = "lr", .folder = "runs/lr", .slots = 2, .elapsed = 723.0};
  const JobState states[] = {JobState::done, JobState::running, JobState::waiting, JobState::failed,
                             JobState::running};
  for (const JobState state : states) {
    const std::size_t i = report.jobs.size();
    report.jobs.push_back({.label = fmt::format("drop_muon-optimizer.lr=0.02-seed={}", i),
                           .folder = "runs/lr/x",
                           .state = state,
                           .attempts = 1,
                           .total_steps = 4800});
  }
  report.jobs[1].slot = 1;
  report.jobs[1].step = 1200;
  report.jobs[1].test_accuracy = 0.9712;
  report.jobs[1].images_per_second = 8123.4;
  report.jobs[4].slot = 0;
  report.left = 2290.0;
  return report;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

}  // namespace

TEST_CASE("the table of a sweep fits its terminal") {
  const SweepReport report = example();
  CHECK(joined(table_lines(report, {.width = 110})) ==
        "1/5 done, 1 failed, 2 running, 1 waiting  12:03 min, about 38:10 min left\n"
        "  1  drop_muon-optimizer.lr=0.02-seed=4        0/4800      0%\n"
        "  2  drop_muon-optimizer.lr=0.02-seed=1     1200/4800     25%  accuracy 0.9712      8123 "
        "images/s\n");
  CHECK(joined(table_lines(report, {.width = 70})) ==
        "1/5 done, 1 failed, 2 running, 1 waiting  12:03 min\n"
        "  1  drop_muon-op..0.02-seed=4        0/4800      0%\n"
        "  2  drop_muon-op..0.02-seed=1     1200/4800     25%  accuracy 0.9712\n");
  CHECK(joined(table_lines(report, {.width = 40})) ==
        "1/5 done, 1 failed, 2 running\n"
        "  1  drop_..eed=4        0/4800      0%\n"
        "  2  drop_..eed=1     1200/4800     25%\n");
  for (std::size_t width = 20; width < 130; ++width) {
    for (const std::string& line : table_lines(report, {.width = width})) {
      CAPTURE(width, line);
      CHECK(line.size() < width);
    }
  }
  CHECK(table_lines(report, {.width = 1}) == table_lines(report, {.width = 20}));
  SweepReport crowd = report;
  for (int slot = 2; slot < 30; ++slot) {
    crowd.jobs.push_back({.label = "x", .state = JobState::running, .slot = slot});
  }
  const auto lines = table_lines(crowd, {.width = 80, .height = 10});
  CHECK(lines.size() == 9);  // the line below is the cursor's
  CHECK(lines.back() == "     and 23 more");
}

TEST_CASE("colours are a wish, and change nothing else") {
  const SweepReport report = example();
  const auto plain = table_lines(report, {.width = 110});
  auto bright = table_lines(report, {.width = 110, .colour = Colour::yes});
  CHECK_THAT(bright[0], Catch::Contains("\x1b[31m1 failed\x1b[0m"));
  CHECK_THAT(joined(plain), !Catch::Contains("\x1b"));
  bright[0].erase(bright[0].find("\x1b[31m"), 5);
  bright[0].erase(bright[0].find("\x1b[0m"), 4);
  CHECK(bright == plain);
}

TEST_CASE("an event is a line") {
  SweepReport report = example();
  JobReport& job = report.jobs[1];
  job.label = "a";
  CHECK(event_line(report, job) == "[1/5] started   a  from step 1200");
  job.seconds = 12.0;
  job.state = JobState::stopped;
  CHECK(event_line(report, job) == "[1/5] stopped   a  12.0 s, step 1200, test accuracy 0.9712");
  job.reason = "no room";
  job.state = JobState::failed;
  CHECK(event_line(report, job) == "[1/5] failed    a: no room");
  job.state = JobState::left;
  CHECK(event_line(report, job) == "[1/5] left      a: no room");
  CHECK_THAT(table_lines(report, {.width = 110})[0], Catch::Contains(", 1 left to others, "));
  job.state = JobState::waiting;
  CHECK(event_line(report, job) == "[1/5] again     a: no room");
  job.attempts = 0;
  CHECK(event_line(report, job) == "[1/5] waiting   a: no room");
}

TEST_CASE("a sweep trains its jobs once, and compare reads its folder") {
  const SweepSandbox sandbox("grid: {optimizer.lr: [0.01, 0.02]}\nseeds: 2\n");
  const Outcome first = sandbox.sweep("");
  CAPTURE(first.output);
  REQUIRE(first.code == 0);
  CHECK_THAT(first.output, Catch::Contains("sweep s: 4 jobs, 0 finished before, 1 at a time") &&
                               Catch::Contains("[4/4] done") && !Catch::Contains("\x1b") &&
                               Catch::Contains("dropmuon compare " + sandbox.folder()));
  const auto written = fs::last_write_time(sandbox.job("lr=0.01-seed=0/summary.json"));
  const Outcome second = sandbox.sweep("2>/dev/null");
  CHECK(second.code == 0);
  CHECK(second.output == sandbox.folder() + "\n");
  CHECK(fs::last_write_time(sandbox.job("lr=0.01-seed=0/summary.json")) == written);
  CHECK(sandbox.sweep("-q").output == sandbox.folder() + "\n");
  const Outcome compare = run_program("compare --target test/accuracy=0.1 " + sandbox.folder());
  CAPTURE(compare.output);
  CHECK(compare.code == 0);
  CHECK_THAT(compare.output, Catch::Contains("2 of 2"));
}

TEST_CASE("each of two slots gives its job one half of the processors") {
  const std::size_t half = usable_cpus().size() / 2;
  if (half == 0) {
    WARN("skipped: one processor cannot be divided");
    return;
  }
  const std::string cpus = fmt::format("{} CPU{}", half, half == 1 ? "" : "s");
  const SweepSandbox sandbox;
  const Outcome outcome = sandbox.sweep("-j 2");
  CAPTURE(outcome.output);
  REQUIRE(outcome.code == 0);
  CHECK_THAT(outcome.output, Catch::Contains("2 at a time with " + cpus + " each"));
  CHECK_THAT(Sandbox::read(sandbox.job("seed=0/provenance.json")),
             Catch::Contains(fmt::format("\"threads\": {}\n", half)) ||
                 Catch::Contains(fmt::format("\"threads\": {},", half)));
  CHECK_THAT(
      sandbox.sweep(fmt::format("-j 2 threads={} runs_dir={}", half + 1, sandbox / "t")).output,
      Catch::Contains(fmt::format("warning: threads: {} of seed=0 is more than the {} of each slot",
                                  half + 1, cpus)));
}

TEST_CASE("a dry run makes nothing, --emit prepares the jobs and prints a script") {
  const SweepSandbox sandbox;
  const Outcome dry = sandbox.sweep("--dry-run 2>/dev/null");
  CHECK(dry.code == 0);
  CHECK_THAT(dry.output, Catch::Contains("seed=1"));
  CHECK_FALSE(fs::exists(sandbox / "runs"));
  for (const auto& [kind, expected] :
       {std::pair{"slurm", "#SBATCH --array"}, std::pair{"parallel", "exec parallel"}}) {
    const Outcome script = sandbox.sweep(std::string("2>/dev/null --emit ") + kind);
    CHECK(script.code == 0);
    CHECK_THAT(script.output, Catch::StartsWith("#!") && Catch::Contains(expected) &&
                                  Catch::Contains(fs::canonical(program()).string()) &&
                                  Catch::Contains(sandbox.job("seed=1")));
  }
  CHECK(sandbox.status("seed=1") == "waiting\n");
}

TEST_CASE("what sweep cannot do is one line and the documented exit code") {
  const SweepSandbox sandbox;
  const auto check = [&](const std::string& arguments, int code, const std::string& expected) {
    const Outcome outcome = run_program("sweep " + arguments);
    CAPTURE(arguments, outcome.output);
    CHECK(outcome.code == code);
    CHECK_THAT(outcome.output, Catch::StartsWith("dropmuon: ") && Catch::Contains(expected));
    CHECK(lines_of(outcome.output) == (code == 78 ? 3 : 1));
    return outcome.output;
  };
  const auto check_file = [&](const std::string& line, std::size_t column,
                              const std::string& expected) {
    const std::string text = "name: b\nruns_dir: " + (sandbox / "runs") + "\nbase: good.yaml\n";
    const std::string message = fmt::format("bad.yaml:4:{}: {}", column, expected);
    const std::string output = check(sandbox.write("bad.yaml", text + line), 78, message);
    CHECK_THAT(output, Catch::EndsWith(fmt::format("\n{}\n{:>{}}\n", line, "^", column)));
  };
  check_file("sedes: 2", 1, "unknown key 'sedes'; did you mean 'seeds'?");
  check_file("grid: {optimiser.lr: [1]}", 8,
             "unknown key 'optimiser.lr'; did you mean 'optimizer.lr'?");
  check_file("grid: {}", 7,
             "grid: expected axes such as optimizer.lr: [0.01, 0.02], found an empty");
  check_file("grid: {data.root: [a b, ab]}", 25,
             "two jobs would have the same folder 'root=ab-seed=0'");
  check(sandbox / "none.yaml", 66, "none.yaml");
  check("", 2, "sweep is required");
  check(sandbox.file + " -j 100000", 2, "-j");
  check(sandbox.file + " -j 4096", 2, "-j 4096: this process may use ");
  check(sandbox.file + " -j 0", 2, "-j");
  check(sandbox.file + " --retries -1", 2, "--retries");
  check(sandbox.file + " --emit slrum", 2, "--emit");
  check(sandbox.file + " --emit slurm --dry-run", 2, "excludes");
  check(sandbox.file + " --dry-rn", 2, "did you mean '--dry-run'?");
  CHECK_FALSE(fs::exists(sandbox / "runs"));
}

TEST_CASE("a failed job is named with its reason, and the next invocation tries it again") {
  const SweepSandbox sandbox(
      "cases:\n  good: {}\n  bad: {data.root: nowhere, data.dataset: mnist}\n");
  const Outcome outcome = sandbox.sweep("-q");
  CAPTURE(outcome.output);
  CHECK(outcome.code == 70);
  CHECK_THAT(outcome.output, Catch::Contains("warning: bad-seed=0 failed: ") &&
                                 Catch::Contains("nowhere") &&
                                 Catch::Contains("see " + sandbox.job("bad-seed=0") + "/job.log") &&
                                 Catch::EndsWith("dropmuon: 1 of 2 jobs failed; the same command "
                                                 "tries them again\n"));
  CHECK(sandbox.status("bad-seed=0") == "failed\n");
  CHECK(sandbox.status("good-seed=0") == "done\n");
  const std::string log = sandbox.job("bad-seed=0") + "/job.log";
  const std::size_t lines = lines_of(Sandbox::read(log));
  CHECK(sandbox.sweep("").code == 70);
  CHECK(lines_of(Sandbox::read(log)) == 2 * lines);
}

TEST_CASE("the end of jobs is seen even if whoever starts the sweep ignores that of children") {
  const SweepSandbox sandbox;
  const Outcome outcome =
      run_script("env --ignore-signal=CHLD " + program() + " sweep " + sandbox.file);
  CAPTURE(outcome.output);
  CHECK(outcome.code == 0);
  CHECK(sandbox.status("seed=1") == "done\n");
}

TEST_CASE("the command that a finished sweep suggests fits data sets and targets") {
  const auto hint = [](const std::string& text) {
    const SweepSandbox sandbox(text);
    REQUIRE(sandbox.sweep("--emit parallel").code == 0);
    for (const auto& job : fs::directory_iterator(sandbox.folder())) {
      if (job.is_directory()) std::ofstream(job.path() / "STATUS") << "done\n";
    }
    std::string output = sandbox.sweep("").output;
    const std::size_t begin = output.find("finished; ");
    REQUIRE(begin != std::string::npos);
    output = output.substr(begin + 10);
    const std::size_t folder = output.find(sandbox.folder());
    REQUIRE(folder != std::string::npos);
    return output.replace(folder, sandbox.folder().size(), "F");
  };
  const std::string target = "train.target.value: ";
  CHECK(hint("cases: {a: {" + target + "0.5}, b: {" + target + "0.5}}\n") ==
        "to compare: dropmuon compare F\n");
  CHECK(hint("cases: {a: {" + target + "0.5}, b: {" + target + "0.25}}\n") ==
        "to compare: dropmuon compare F --target test/accuracy=0.5\n");
  CHECK(hint("cases:\n  mnist-a: {data.dataset: mnist, " + target + "0.5}\n" +
             "  mnist-b: {data.dataset: mnist, " + target + "0.5}\n  own: {" + target + "0.4}\n") ==
        "to compare, each data set on its own: dropmuon compare F/mnist-*\n");
  CHECK(hint("cases:\n  r-a: {data.dataset: mnist}\n  r-b: {}\n  r-c: {data.dataset: mnist}\n") ==
        "to compare, each data set on its own: scripts/report.py F\n");
}

TEST_CASE("a job that diverges is a result, and named") {
  const SweepSandbox sandbox(
      "set: {optimizer.type: sgd, optimizer.lr: 1e6, optimizer.weight_decay: 1}\n");
  for (int time = 0; time < 2; ++time) {
    const Outcome outcome = sandbox.sweep("");
    CAPTURE(outcome.output);
    CHECK(outcome.code == 0);
    CHECK_THAT(outcome.output, Catch::Contains("warning: 1 job diverged: seed=0"));
  }
  CHECK(lines_of(Sandbox::read(sandbox.job("seed=0/job.log"))) < 5);
}

TEST_CASE("on a terminal a table is redrawn in place, NO_COLOR, a dumb one and -q are respected") {
  const SweepSandbox sandbox("seeds: 1\n");
  const std::string script = sandbox.write("terminal.py", R"(
import fcntl, os, pty, struct, sys, termios
child, master = pty.fork()
if child == 0:
    fcntl.ioctl(2, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    os.execvp(sys.argv[1], sys.argv[1:])
shown = b""
while True:
    try:
        piece = os.read(master, 4096)
    except OSError:
        break
    if not piece:
        break
    shown += piece
sys.stdout.write(shown.decode())
)");
  int number = 0;
  const auto shown = [&](const std::string& environment, const std::string& flags) {
    return run_script(
               fmt::format("{} python3 {} {} sweep {} runs_dir={}{} {} train.epochs=20 threads=1",
                           environment, script, program(), sandbox.file, sandbox / "t", ++number,
                           flags))
        .output;
  };
  const auto check_table = [](const std::string& text) {
    CHECK_THAT(text, Catch::Contains("0/1 done, 1 running, 0 waiting") &&
                         Catch::Contains("\x1b[2A\r\x1b[J") && Catch::Contains("/200 "));
  };
  const std::string bright = shown("TERM=xterm NO_COLOR=", "");
  check_table(bright);
  CHECK_THAT(bright, Catch::Contains("\x1b[32mdone\x1b[0m"));
  CHECK_THAT(bright.substr(bright.rfind("\x1b[J")), !Catch::Contains("running"));
  const std::string plain = shown("TERM=xterm NO_COLOR=1", "");
  check_table(plain);
  CHECK_THAT(plain, !Catch::Contains("\x1b[32m"));
  CHECK_THAT(shown("TERM=dumb", ""), Catch::Contains("[0/1] started") && !Catch::Contains("\x1b"));
  CHECK_THAT(shown("TERM=xterm", "-q"), Catch::StartsWith(sandbox / "t4/s"));
}
