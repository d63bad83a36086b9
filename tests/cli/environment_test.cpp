// SPDX-License-Identifier: MIT
// Words of the environment about threads: what the OpenMP runtime would not understand counts as
// not said, and what the schedulers of batch jobs say is heard.
#include <string>
#include <utility>
#include <vector>

#include "catch.h"
#include "clean_run.h"
#include <dropmuon/core/processors.h>

using namespace dropmuon;

namespace {

std::string number_line(const std::string& setting) {
  const std::string text = run_with(setting, "info").output;
  const std::string key = "  number           ";
  const std::size_t at = text.find(key);
  if (at == std::string::npos) return text;
  const std::size_t from = at + key.size();
  return text.substr(from, text.find('\n', from) - from);
}

const std::vector<std::pair<std::string, std::string>> kSchedulers = {
    {"SLURM_CPUS_PER_TASK", "Slurm"},
    {"SLURM_CPUS_ON_NODE", "Slurm"},
    {"NSLOTS", "Grid Engine"},
    {"LSB_DJOB_NUMPROC", "LSF"},
    {"PBS_NP", "PBS"},
    {"NCPUS", "PBS"}};

}  // namespace

TEST_CASE("what the runtime does not understand about waiting counts as not said", "[openmp]") {
  const std::string unset = run_with("", "info").output;
  const std::string words =
      allowed_processors().size() < 2
          ? "  waiting          no need: one thread\n"
          : "  waiting          spins, then sleeps; sleeps soon while others want the processors\n";
  CHECK_THAT(unset, Catch::Contains(words));
  for (const std::string setting :
       {"OMP_WAIT_POLICY=", "GOMP_SPINCOUNT=", "OMP_WAIT_POLICY=' '", "OMP_WAIT_POLICY=foo",
        "GOMP_SPINCOUNT=abc", "GOMP_SPINCOUNT=99999999999999999999",
        "OMP_WAIT_POLICY=1 GOMP_SPINCOUNT=5q", "OMP_WAIT_POLICY= GOMP_SPINCOUNT="}) {
    const Outcome outcome = run_with(setting, "info");
    CAPTURE(setting, outcome.output);
    CHECK(outcome.code == 0);
    CHECK_THAT(outcome.output, Catch::Contains(words));
  }
}

TEST_CASE("what the runtime understands about waiting decides, whatever stands beside it",
          "[openmp]") {
  for (const auto& [setting, words] : std::vector<std::pair<std::string, std::string>>{
           {"OMP_WAIT_POLICY=' Active '", "OMP_WAIT_POLICY= Active "},
           {"GOMP_SPINCOUNT=3k", "spins, then sleeps (GOMP_SPINCOUNT=3k)"},
           {"GOMP_SPINCOUNT=infinite", "spins (GOMP_SPINCOUNT=infinite)"},
           {"GOMP_SPINCOUNT=-1", "spins (GOMP_SPINCOUNT=-1)"},
           {"OMP_WAIT_POLICY=passive GOMP_SPINCOUNT=abc", "OMP_WAIT_POLICY=passive"},
           {"OMP_WAIT_POLICY= GOMP_SPINCOUNT=77", "spins, then sleeps (GOMP_SPINCOUNT=77)"}}) {
    CAPTURE(setting);
    CHECK_THAT(run_with(setting, "info").output,
               Catch::Contains("  waiting          " + words + "\n"));
  }
}

TEST_CASE("a stack size that the runtime does not take is no stack size", "[openmp]") {
  const Sandbox sandbox;
  const auto train = [&](const std::string& setting) {
    return run_with(setting,
                    fmt::format("train {} -q threads=2 train.max_steps=1", sandbox.config()));
  };
  for (const std::string value : {"-1", "99999999999999999999G", "36028797018963968", "''", "foo",
                                  "100q", "100kb", "0", "1k", "100b"}) {
    for (const std::string name : {"OMP_STACKSIZE=", "GOMP_STACKSIZE="}) {
      const Outcome outcome = train(name + value);
      CAPTURE(name, value, outcome.output);
      CHECK(outcome.code == 0);
      CHECK_THAT(outcome.output, !Catch::Contains("compute instead of 2"));
    }
  }
  const Outcome second = train("OMP_STACKSIZE=foo GOMP_STACKSIZE=' 100 K '");
  CHECK(second.code == 78);
  CHECK_THAT(second.output, Catch::Contains("dropmuon: GOMP_STACKSIZE= 100 K : threads need 256k"));
}

TEST_CASE("threads: auto keeps to what the scheduler of a batch job gives", "[openmp]") {
  if (allowed_processors().size() < 2) {
    WARN("skipped: one processor is the least already");
    return;
  }
  const std::string all = number_line("");
  CHECK_THAT(all, Catch::Contains("one for each processor"));
  for (const auto& [name, scheduler] : kSchedulers) {
    CHECK(number_line(name + "=1") == fmt::format("1, {}=1 ({})", name, scheduler));
  }
  for (const std::string nonsense :
       {"", "0", "-1", "1x", "1,1", "1(x2)", "one", "1.5", "99999999999"}) {
    std::string settings;
    for (const auto& [name, scheduler] : kSchedulers) {
      settings += fmt::format("{}='{}' ", name, nonsense);
    }
    CAPTURE(nonsense);
    CHECK(number_line(settings) == all);
  }
  CHECK(number_line("SLURM_CPUS_ON_NODE=1 SLURM_CPUS_PER_TASK=1") ==
        "1, SLURM_CPUS_PER_TASK=1 (Slurm)");
  CHECK(number_line("SLURM_CPUS_ON_NODE=1 SLURM_CPUS_PER_TASK=2") ==
        "1, SLURM_CPUS_ON_NODE=1 (Slurm)");
  CHECK(number_line("NSLOTS=2 OMP_NUM_THREADS=1") == "1, OMP_NUM_THREADS=1");
  // Of this the runtime understands nothing, and so nothing is said.
  for (const std::string nonsense : {"1x", "1,", "1,0", "1,x", "''"}) {
    CHECK(number_line("OMP_NUM_THREADS=" + nonsense) == all);
  }
  CHECK(number_line("OMP_NUM_THREADS=' 1 , 2'") == "1, OMP_NUM_THREADS=1");
}

TEST_CASE("a sweep divides what the scheduler of a batch job gives") {
  const Sandbox sandbox;
  const std::string file = sandbox.write(
      "s.yaml",
      fmt::format("name: s\nruns_dir: {}\nbase: good.yaml\nseeds: 2\n", sandbox / "runs"));
  for (const auto& [name, scheduler] : kSchedulers) {
    CAPTURE(name);
    CHECK(run_with(name + "=1", "sweep -q -j 2 " + file).code == 2);
  }
}
