// SPDX-License-Identifier: MIT
// The number of threads, whatever the environment says: the same results or one line, never wrong
// numbers and never a hang.
#include <thread>

#include <unistd.h>

#include "catch.h"
#include "clean_run.h"
#include "long_run.h"
#include "sweep_sandbox.h"
#include <dropmuon/core/processors.h>

using namespace dropmuon;

namespace {

// Each of them makes teams smaller than they were asked to be, at one time or another.
const std::vector<std::string> kShrinking = {
    "OMP_THREAD_LIMIT=1",      "OMP_DYNAMIC=true",
    "OMP_MAX_ACTIVE_LEVELS=0", "OMP_NESTED=false OMP_MAX_ACTIVE_LEVELS=0",
    "OMP_NUM_THREADS=1",       "OMP_NUM_THREADS=3,1",
    "OMP_PROC_BIND=true",      "OMP_PROC_BIND=master",
    "OMP_PLACES={0}",          "GOMP_CPU_AFFINITY=0",
    "SLURM_CPUS_PER_TASK=1"};

// The losses of a run's rows, and the weights' names and shapes: what must not depend on threads
// beyond rounding.
std::vector<double> losses(const std::string& run) {
  std::vector<double> found;
  const std::string rows = Sandbox::read(run + "/metrics.jsonl");
  for (const std::string key : {"\"train/loss\":", "\"test/loss\":", "\"train/running_loss\":"}) {
    for (std::size_t at = rows.find(key); at != std::string::npos; at = rows.find(key, at + 1)) {
      found.push_back(std::stod(rows.substr(at + key.size())));
    }
  }
  return found;
}

void check_close(const std::vector<double>& found, const std::vector<double>& expected) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i)
    CHECK(found[i] == Approx(expected[i]).epsilon(1e-4));
}

// Of what `train` or `eval` said, the line that is no message: on standard output.
std::string answer(const std::string& text, const std::string& begin) {
  const std::size_t at = text.find("\n" + begin);
  const std::size_t from = text.starts_with(begin) ? 0 : at + 1;
  REQUIRE((from == 0 || at != std::string::npos));
  return text.substr(from, text.find('\n', from) - from);
}

std::size_t count_of(const std::string& text, const std::string& word) {
  std::size_t count = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1))
    ++count;
  return count;
}

// As the user nobody, where this one may be another; limits on processes do not hold for root.
const std::string kAsNobody = "setpriv --reuid=65534 --regid=65534 --clear-groups ";

}  // namespace

TEST_CASE("training learns the same whatever shrinks OpenMP's teams") {
  const Sandbox sandbox;
  const auto train = [&](const std::string& setting, const std::string& name, int threads) {
    const std::string count = threads > 0 ? fmt::format(" threads={}", threads) : "";
    const Outcome outcome =
        run_with(setting, fmt::format("train {} -q train.max_steps=3 train.log_every_steps=1 "
                                      "name={}{}",
                                      sandbox.config(), name, count));
    CAPTURE(setting, outcome.output);
    CHECK(outcome.code == 0);
    return losses(answer(outcome.output, sandbox / "runs"));
  };
  const std::vector<double> expected = train("", "plain", 2);
  REQUIRE(expected.size() > 4);
  for (std::size_t i = 0; i < kShrinking.size(); ++i) {
    // Not at length: each setting once, in turn with a configured number and without.
    for (const int threads : {2, 0}) {
      if (i % 2 == (threads == 0 ? 0 : 1) && long_or(0, 1) == 1) continue;
      const std::string name = fmt::format("run{}_{}", i, threads);
      check_close(train(kShrinking[i], name, threads), expected);
    }
  }
}

TEST_CASE("evaluation and bench answer the same whatever shrinks OpenMP's teams", "[openmp]") {
  const Sandbox sandbox;
  REQUIRE(run_with("", "train -q " + sandbox.config()).code == 0);
  const std::string run = sandbox.only_run();
  const auto evaluate = [&](const std::string& setting) {
    const Outcome outcome = run_with(setting, fmt::format("eval {} --json", run));
    CAPTURE(setting, outcome.output);
    CHECK(outcome.code == 0);
    std::vector<double> numbers;
    const std::string line = answer(outcome.output, "{");
    for (const std::string key :
         {"\"train/loss\":", "\"train/accuracy\":", "\"test/loss\":", "\"test/accuracy\":"}) {
      REQUIRE(line.find(key) != std::string::npos);
      numbers.push_back(std::stod(line.substr(line.find(key) + key.size())));
    }
    return numbers;
  };
  const std::vector<double> expected = evaluate("");
  for (const std::string& setting : kShrinking) {
    check_close(evaluate(setting), expected);
    CHECK(run_with(setting, fmt::format("bench {} --rounds 1 --warmup 1", sandbox.config())).code ==
          0);
    CHECK(run_with(setting, "info").code == 0);
  }
}

TEST_CASE("a number of threads that cannot be had, or does not pay, is a warning") {
  const Sandbox sandbox;
  const auto train = [&](const std::string& setting, const std::string& more) {
    return run_with(setting,
                    fmt::format("train {} -q train.max_steps=2 {}", sandbox.config(), more));
  };
  const Outcome limited = train("OMP_THREAD_LIMIT=1", "threads=2");
  CHECK(limited.code == 0);
  CHECK_THAT(limited.output,
             Catch::Contains("warning: threads: 1 compute instead of 2: OMP_THREAD_LIMIT=1"));
  CHECK(count_of(limited.output, "warning: threads") == 1);
  const Outcome greedy = train("", "threads=64");
  CHECK(greedy.code == 0);
  const std::size_t processors = allowed_processors().size();
  if (processors < 64) {
    CHECK_THAT(greedy.output,
               Catch::Contains(fmt::format("warning: threads: 64 share {} processor", processors)));
  }
  CHECK(train("OMP_NUM_THREADS=1", "").output.find("warning: threads") == std::string::npos);
  CHECK(train("OMP_THREAD_LIMIT=1", "").output.find("warning: threads") == std::string::npos);
}

TEST_CASE("threads: auto follows OMP_NUM_THREADS and a Slurm task, a configured number does not") {
  const Sandbox sandbox;
  const auto threads = [&](const std::string& setting, const std::string& more) {
    const Outcome outcome =
        run_with(setting, fmt::format("train {} -q train.max_steps=1 {}", sandbox.config(), more));
    const std::string text =
        Sandbox::read(answer(outcome.output, sandbox / "runs") + "/provenance.json");
    const std::string key = "\"threads\": ";
    REQUIRE(text.find(key) != std::string::npos);
    return std::stoi(text.substr(text.find(key) + key.size()));
  };
  CHECK(threads("OMP_NUM_THREADS=1", "") == 1);
  CHECK(threads("SLURM_CPUS_PER_TASK=1", "") == 1);
  CHECK(threads("OMP_NUM_THREADS=1", "threads=2") == 2);
  CHECK(threads("OMP_NUM_THREADS=4000", "") == static_cast<int>(allowed_processors().size()));
}

TEST_CASE("where the system starts no threads, fewer compute or one line says why") {
  const Sandbox sandbox;
  for (const std::string size : {"16k", "100", "200K", "65536b"}) {
    const Outcome small =
        run_with("OMP_STACKSIZE=" + size, "train " + sandbox.config() + " -q threads=2");
    CAPTURE(small.output);
    CHECK(small.code == 78);
    CHECK_THAT(small.output,
               Catch::StartsWith("dropmuon: OMP_STACKSIZE=" + size + ": threads need 256k"));
    CHECK(count_of(small.output, "\n") == 1);
  }
  CHECK(run_with("OMP_STACKSIZE=256k", "train " + sandbox.config() + " -q threads=2").code == 0);
  const Outcome vast =
      run_with("OMP_STACKSIZE=90000G", "train " + sandbox.config() + " -q threads=2");
  CHECK(vast.code == 0);
  CHECK_THAT(vast.output,
             Catch::Contains("warning: threads: 1 compute instead of 2: the system starts"));
}

TEST_CASE("a limit on processes leaves fewer threads") {
  if (geteuid() != 0 || run_script(kAsNobody + "true").code != 0) {
    WARN("skipped: to run as a user with a limit takes root and setpriv");
    return;
  }
  const Sandbox sandbox;
  run_script("chmod 755 " + (sandbox / ""));
  const std::string runs = "runs_dir=" + (sandbox / "free");
  run_script("mkdir " + (sandbox / "free") + "; chmod 777 " + (sandbox / "free"));
  if (run_script(kAsNobody + program() + " --version").code != 0) {
    WARN("skipped: the program is in a folder of root's");
    return;
  }
  for (int limit = 1; limit <= 6; ++limit) {
    const Outcome outcome = run_script(
        kClean + kAsNobody +
        fmt::format(
            "bash -c 'ulimit -u {}; exec timeout 60 {} train {} -q threads=4 train.max_steps=2 {}'",
            limit, program(), sandbox.config(), runs));
    CAPTURE(limit, outcome.output);
    CHECK(outcome.code != kTimedOut);
    if (outcome.output.find("fork") != std::string::npos)
      continue;  // there was no room for `timeout`
    CHECK((outcome.code == 0 || outcome.code == 69));
    if (outcome.code == 69) CHECK_THAT(outcome.output, Catch::Contains("`ulimit -u`"));
  }
}

TEST_CASE("a sweep has the processors that the process was started with", "[openmp]") {
  const std::vector<int> processors = allowed_processors();
  if (processors.size() < 2) {
    WARN("skipped: one processor cannot be divided");
    return;
  }
  const auto all = static_cast<int>(processors.size());
  const std::string range = fmt::format("{}-{}", processors.front(), processors.back());
  for (const std::string& setting :
       {std::string("OMP_PROC_BIND=true"), std::string("OMP_PLACES=cores"),
        "GOMP_CPU_AFFINITY=" + range}) {
    for (const int slots : {1, 2}) {
      const SweepSandbox sandbox;
      const Outcome outcome =
          run_with(setting, fmt::format("sweep {} -q -j {}", sandbox.file, slots));
      CAPTURE(setting, slots, outcome.output);
      CHECK(outcome.code == 0);
      for (const std::string label : {"seed=0", "seed=1"}) {
        CHECK_THAT(Sandbox::read(sandbox.job(label) + "/provenance.json"),
                   Catch::Contains(fmt::format("\"threads\": {},", all / slots)));
      }
    }
  }
  const SweepSandbox confined;
  CHECK(run_with(fmt::format("GOMP_CPU_AFFINITY={}", processors.front()),
                 fmt::format("sweep {} -q -j 2", confined.file))
            .code == 2);
  // A number of threads is one process's: it takes no processors from the sweep.
  CHECK(run_with("OMP_NUM_THREADS=1", fmt::format("sweep {} -q -j 2", confined.file)).code == 0);
  CHECK_THAT(Sandbox::read(confined.job("seed=0") + "/provenance.json"),
             Catch::Contains("\"threads\": 1,"));
}

TEST_CASE("info says how many threads, how they are bound and how they wait", "[openmp]") {
  const std::string plain = run_with("", "info").output;
  CHECK_THAT(plain, Catch::Contains("one for each processor\n"));
  CHECK_THAT(plain, Catch::Contains("  binding          none\n"));
  if (allowed_processors().size() > 1) {
    CHECK_THAT(plain,
               Catch::Contains("  waiting          spins, then sleeps; sleeps soon while others "
                               "want the processors\n"));
  }
  CHECK_THAT(run_with("OMP_NUM_THREADS=1", "info").output,
             Catch::Contains("  waiting          no need: one thread\n"));
  CHECK_THAT(run_with("OMP_WAIT_POLICY=passive", "info").output,
             Catch::Contains("  waiting          OMP_WAIT_POLICY=passive\n"));
  CHECK_THAT(run_with("GOMP_SPINCOUNT=77", "info").output,
             Catch::Contains("  waiting          spins, then sleeps (GOMP_SPINCOUNT=77)\n"));
  CHECK_THAT(run_with("OMP_NUM_THREADS=1", "info").output,
             Catch::Contains("  number           1, OMP_NUM_THREADS=1\n"));
  CHECK_THAT(run_with("OMP_PLACES=cores", "info").output, Catch::Contains("OMP_PLACES=cores\n"));
  CHECK_THAT(run_with("DNNL_MAX_CPU_ISA=SSE41", "info").output,
             Catch::Contains("  instruction set  SSE4.1\n"));
}

TEST_CASE("beside busy processes threads sleep soon, unless the user said how to wait") {
  if (std::thread::hardware_concurrency() < 2) {
    WARN("skipped: this takes two processors");
    return;
  }
  const Sandbox sandbox;
  // The most threads that a run has in some tenths of a second beside two busy shells, or once it
  // has `enough`.
  const auto threads = [&](const std::string& setting, int tenths, int enough) {
    const std::string script =
        kClean + setting + " " + program() + " train " + sandbox.config() +
        " threads=2 device=cpu train.epochs=1000000 -q" +
        fmt::format(
            " >/dev/null 2>&1 & run=$!; most=0; "
            "for i in 1 2; do (while :; do :; done) & busy=\"$busy $!\"; done; "
            "for i in $(seq {}); do now=$(ls /proc/$run/task | wc -l); "
            "[ $now -le $most ] || most=$now; [ $most -lt {} ] || break; sleep 0.1; done; "
            "kill $busy $run; wait; echo $most",
            tenths, enough);
    return std::stoi(run_script(script).output);
  };
  const int without = threads("OMP_WAIT_POLICY=passive", 30, 1000);
  // One that watches, and a second team of two at least, which tells the runtime of the crowd.
  CHECK(threads("", 150, without + 3) >= without + 3);
  CHECK(threads("GOMP_SPINCOUNT=1000", 30, 1000) == without);
}

TEST_CASE("a processor that the program was not built for is told in one line") {
  if (run_script("command -v qemu-x86_64").code != 0) {
    WARN("skipped: qemu-x86_64 is not here (package qemu-user)");
    return;
  }
#ifdef __SANITIZE_ADDRESS__
  WARN("skipped: the emulator has no room for a sanitizer's shadow memory");
  return;
#endif
  const bool native = run_with("", "info").output.find("of the build machine") != std::string::npos;
  if (!native || !__builtin_cpu_supports("avx2")) {
    WARN("skipped: the program was not built for more than an old processor");
    return;
  }
  for (const std::string words : {"--version", "--help", "info", "config reference"}) {
    const Outcome outcome = run_script("qemu-x86_64 -cpu Nehalem " + program() + " " + words +
                                       " 2>&1 | grep -v '^qemu'");
    CAPTURE(words, outcome.output);
    CHECK_THAT(outcome.output, Catch::StartsWith("dropmuon: this processor has no "));
    CHECK_THAT(outcome.output, Catch::Contains("DROPMUON_NATIVE=OFF"));
    CHECK(count_of(outcome.output, "\n") == 1);
    CHECK(run_script("qemu-x86_64 -cpu Nehalem " + program() + " " + words).code == 69);
  }
}
