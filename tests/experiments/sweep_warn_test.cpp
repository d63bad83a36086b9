// SPDX-License-Identifier: MIT
// What a sweep warns of before it begins, once and in one line.
#include "../../src/experiments/sweep/pool.h"
#include "catch.h"
#include "sweep_run_fixture.h"
#include <dropmuon/backend/factory.h>
#include <dropmuon/core/log.h>

using namespace dropmuon;

namespace {

// The warnings of one invocation, one a line.
std::string warnings_of(Scripted& s) {
  const std::string log = s.folder.write("log", "");
  log::open_file(log);
  s.run();
  log::close_file();
  std::string warnings;
  std::ifstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t at = line.find(" warning ");
    if (at != std::string::npos) warnings += line.substr(at + 9) + "\n";
  }
  return warnings;
}

void began_with(const Scripted& s, std::size_t job, int threads) {
  prepare_jobs(s.sweep);
  s.set_status(job, "done");
  s.folder.write("runs/s/" + s.sweep.jobs[job].label + "/provenance.json",
                 fmt::format("{{\"machine\": {{\"threads\": {}}}}}", threads));
}

const std::string kAuto = "name: s\nbase: base.yaml\nset: {threads: auto}\nseeds: 3\n";

}  // namespace

TEST_CASE("jobs that began with other threads than the next ones will have are named once") {
  const int share = automatic_threads(static_cast<int>(usable_cpus().size()));
  Scripted same(kAuto, kDone);
  began_with(same, 1, share);
  CHECK(warnings_of(same).empty());
  Scripted other(kAuto, kDone);
  began_with(other, 0, share);
  began_with(other, 1, share + 1);
  began_with(other, 2, share + 2);
  CHECK(warnings_of(other).empty());  // nothing is left to run
  other.set_status(2, "stopped");
  CHECK(warnings_of(other) ==
        fmt::format("seed=1 began with {} threads, jobs will now have {}; dropmuon compare "
                    "refuses such a mix, which the -j of before avoids\n",
                    share + 1, share));
  Scripted board(kAuto, kDone);
  began_with(board, 0, 1);
  for (const std::string text : {"", "[]", "{}", "{\"machine\": {\"device\": \"cuda\"}}"}) {
    board.folder.write("runs/s/seed=0/provenance.json", text);
    CHECK(warnings_of(board).empty());
  }
}

TEST_CASE("threads that the configuration fixes do not depend on the slots") {
  Scripted s("name: s\nbase: base.yaml\nset: {threads: 3}\nseeds: 2\n", kDone);
  began_with(s, 0, 3);
  CHECK(warnings_of(s).empty());
  s.set_status(1, "waiting");
  began_with(s, 0, 1);
  CHECK_THAT(warnings_of(s), Catch::Contains("seed=0 began with 1 thread, jobs will now have 3;"));
}

TEST_CASE("runs in the sweep's folder that are none of its jobs are counted, and one is named") {
  Scripted s(kThree, kDone);
  CHECK(warnings_of(s).empty());
  s.folder.write("runs/s/notes/read me", "no run");
  CHECK(warnings_of(s).empty());
  s.sweep = s.folder.load(kTwo);
  const std::string at = s.folder / "runs/s";
  CHECK(warnings_of(s) == "1 run in " + at +
                              " is no job of this sweep, such as seed=2; dropmuon compare " + at +
                              " includes it\n");
  s.sweep = s.folder.load("name: s\nbase: base.yaml\n");
  CHECK(warnings_of(s) == "2 runs in " + at +
                              " are no jobs of this sweep, such as seed=1; dropmuon compare " + at +
                              " includes them\n");
}
