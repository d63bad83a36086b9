// SPDX-License-Identifier: MIT
// The order of a sweep's runs, and with it the default baseline.
#include <filesystem>
#include <fstream>

#include "catch.h"
#include "config_fixture.h"
#include "fake_run.h"
#include <dropmuon/experiments/compare.h>
#include <dropmuon/experiments/sweep.h>

using namespace dropmuon;

namespace {

namespace fs = std::filesystem;

std::string seeded(const std::string& label, int seed) {
  return fmt::format("{}-seed={}", label, seed);
}

FakeRun of_scheme(const std::string& scheme, int seed = 0) {
  return run_to_target(seed, 5, {"sampling.scheme=" + scheme});
}

// A sweep with its first case last in the alphabet, and one case that another begins with.
void add_sweep(const FakeRuns& runs, const std::string& folder) {
  runs.write(folder, "sweep.yaml",
             "base: x.yaml\n"
             "cases:\n"
             "  uniform: {sampling.scheme: uniform}\n"
             "  uniform-late: {sampling.scheme: cyclic}\n"
             "  full: {sampling.scheme: full}\n"
             "seeds: 2\n");
  for (int seed = 0; seed < 2; ++seed) {
    runs.add(folder + "/" + seeded("full", seed), of_scheme("full", seed));
    runs.add(folder + "/" + seeded("uniform-late", seed), of_scheme("cyclic", seed));
    runs.add(folder + "/" + seeded("uniform", seed), of_scheme("uniform", seed));
  }
}

std::vector<std::string> names(const std::vector<std::string>& paths) {
  std::vector<std::string> found;
  for (const std::string& folder : runs_in_order(paths)) {
    found.push_back(fs::path(folder).filename().string());
  }
  return found;
}

const std::vector<std::string> kInOrder = {"uniform-seed=0",      "uniform-seed=1",
                                           "uniform-late-seed=0", "uniform-late-seed=1",
                                           "full-seed=0",         "full-seed=1"};

std::string baseline(const std::vector<std::string>& paths) {
  const Comparison result = compare_runs({.paths = paths});
  return result.groups[result.baseline].label;
}

}  // namespace

TEST_CASE("the first case of a sweep is the baseline, groups are in its order") {
  const FakeRuns runs;
  add_sweep(runs, "s");
  const std::string sweep = runs.path() + "/s";
  CHECK(names({sweep}) == kInOrder);
  CHECK(names({sweep + "/"}) == kInOrder);
  CHECK(names({runs.path()}) == kInOrder);
  const Comparison result = compare_runs({.paths = {sweep}});
  REQUIRE(result.groups.size() == 3);
  CHECK(result.groups[0].label == "sampling.scheme=uniform");
  CHECK(result.groups[1].label == "sampling.scheme=cyclic");
  CHECK(result.groups[2].label == "sampling.scheme=full");
  CHECK(baseline({sweep}) == "sampling.scheme=uniform");
  fs::remove(sweep + "/sweep.yaml");
  CHECK(baseline({sweep}) == "sampling.scheme=full");
}

TEST_CASE("runs of a sweep given one by one have the same order") {
  const FakeRuns runs;
  add_sweep(runs, "s");
  std::vector<std::string> glob = find_run_folders(runs.path() + "/s");
  CHECK(glob.front().ends_with("/full-seed=0"));  // as a shell expands runs/s/*
  CHECK(names(glob) == kInOrder);
  CHECK(baseline(glob) == "sampling.scheme=uniform");
  std::reverse(glob.begin(), glob.end());
  glob.front() += "/";
  CHECK(baseline(glob) == "sampling.scheme=uniform");
  CHECK(baseline({runs.path() + "/s/full-seed=1", runs.path() + "/s/uniform-late-seed=1/."}) ==
        "sampling.scheme=cyclic");
}

TEST_CASE("only runs of the same sweep change places") {
  const FakeRuns runs;
  add_sweep(runs, "s");
  add_sweep(runs, "t");
  const std::string other = runs.add("other/b", of_scheme("full"));
  const std::string s = runs.path() + "/s/";
  const std::string t = runs.path() + "/t/";
  CHECK(runs_in_order({other, s + "full-seed=0", t + "full-seed=0", other + "/../b",
                       t + "uniform-seed=0", s + "uniform-seed=0"}) ==
        std::vector<std::string>{other, s + "uniform-seed=0", t + "uniform-seed=0", other + "/../b",
                                 t + "full-seed=0", s + "full-seed=0"});
}

TEST_CASE("a sweep.yaml that cannot be read changes nothing, unknown runs come last") {
  const FakeRuns runs;
  add_sweep(runs, "s");
  runs.add("s/added-seed=0", of_scheme("full", 9));
  runs.add("s/uniform", of_scheme("uniform", 9));  // as a case is called, without more
  std::vector<std::string> expected = kInOrder;
  expected.insert(expected.begin(), "uniform");
  expected.emplace_back("added-seed=0");
  CHECK(names({runs.path() + "/s"}) == expected);
  const std::vector<std::string> found = find_run_folders(runs.path() + "/s");
  const std::string huge = "base: x.yaml\ncases:\n  full: {}\n" + std::string(2'000'000, '#');
  for (const std::string text :
       {huge.c_str(), "", "cases: [", "base: x.yaml\ncases: {uniform: 3}\n", "\xff\xfe",
        "base: x.yaml\ngrid: {optimizer.lr: [fast]}\n"}) {
    CAPTURE(text);
    runs.write("s", "sweep.yaml", text);
    CHECK(runs_in_order({runs.path() + "/s"}) == found);
  }
  fs::remove(runs.path() + "/s/sweep.yaml");
  fs::create_directory(runs.path() + "/s/sweep.yaml");
  CHECK(runs_in_order({runs.path() + "/s"}) == found);
}

TEST_CASE("folders are recognised as the sweep called them: cases, grid, draws, seeds") {
  const FakeRuns runs;
  std::ofstream(runs.path() + "/base.yaml") << "data: {dataset: synthetic}\n";
  for (const std::string cases : {"", "cases: {z: {}, a-b: {}, a: {}}\n"}) {
    const std::string file = runs.path() + "/axes.yaml";
    std::ofstream(file)
        << "runs_dir: " << runs.path() << "\nbase: base.yaml\n"
        << cases
        << "grid: {optimizer.type: [sgd, muon], optimizer.lr: [0.50, 2e-2]}\n"
           "random: {samples: 2, axes: {schedule.type: {choice: [constant, cosine]}}}\n"
           "seeds: [3, 1]\n";
    const Sweep sweep = load_sweep(file, {"name=" + std::string(cases.empty() ? "x" : "y")});
    prepare_jobs(sweep);
    std::vector<std::string> order;  // of cases and grid, in which a job is met first
    const auto place = [](const std::string& label) {
      return label.substr(0, label.find("-schedule.type="));
    };
    for (const std::string name : {"z", "a-b", "a"}) {
      for (const SweepJob& job : sweep.jobs) {
        const bool mine = cases.empty() || job.label.starts_with(name + "-optimizer.type");
        const std::string label = place(job.label);
        if (mine && std::find(order.begin(), order.end(), label) == order.end()) {
          order.push_back(label);
        }
        runs.write(sweep.folder.substr(runs.path().size() + 1) + "/" + job.label, "STATUS", "done");
      }
    }
    REQUIRE(order.size() == (cases.empty() ? 4 : 12));
    CHECK(order.front().ends_with("optimizer.type=sgd-lr=0.5"));
    std::vector<std::string> found;
    const std::vector<std::string> all = names({sweep.folder});
    CHECK(all.size() == sweep.jobs.size());
    for (const std::string& name : all) {
      if (found.empty() || found.back() != place(name)) found.push_back(place(name));
    }
    CHECK(found == order);
  }
}

TEST_CASE("every study has its first case as the baseline") {
  const fs::path studies = fs::path(DROPMUON_SOURCE_DIR) / "configs" / "studies";
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator(studies)) {
    if (entry.path().extension() != ".yaml") continue;
    ++count;
    const FakeRuns runs;
    CAPTURE(entry.path());
    const Sweep sweep =
        load_sweep(entry.path().string(), {"device=cpu", "runs_dir=" + runs.path()});
    prepare_jobs(sweep);
    const std::vector<std::string> found = runs_in_order({sweep.folder});
    CHECK(found.size() == sweep.jobs.size());
    CHECK(fs::path(found.front()).filename() == sweep.jobs.front().label);
    CHECK_THAT(sweep.jobs.front().label,
               Catch::Contains("full") || Catch::Contains("muon") || Catch::Contains("sgd"));
    CHECK_THAT(sweep.jobs.front().label, !Catch::Contains("drop_muon"));
  }
  CHECK(count == 10);
}
