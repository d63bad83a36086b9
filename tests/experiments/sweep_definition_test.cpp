// SPDX-License-Identifier: MIT
// From a sweep file to jobs, their labels and their order; sweep_axes_test.cpp draws,
// sweep_errors_test.cpp refuses.
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "catch.h"
#include "sweep_fixture.h"

using namespace dropmuon;

TEST_CASE("sweep: cases, grid, draws and seeds multiply out as by hand") {
  const SweepFolder folder;
  folder.write("other/drop.yaml", "data: {dataset: synthetic}\nsampling: {scheme: uniform}\n");
  const Sweep sweep = folder.load(
      "name: rates\n"
      "base: base.yaml\n"
      "set: {train.epochs: 3, optimizer: {momentum: 0.9}}\n"
      "cases:\n"
      "  muon: {sampling.scheme: full, train.epochs: 4}\n"
      "  drop_muon: {base: other/drop.yaml}\n"
      "grid:\n"
      "  optimizer.lr: [0.01, 0.020]\n"
      "  model.channels: [[4, 6], [8]]\n"
      "random:\n"
      "  samples: 2\n"
      "  axes: {optimizer.weight_decay: {choice: [0, 0.1]}}\n"
      "seeds: [7, 3]\n");
  CHECK(sweep.name == "rates");
  CHECK(sweep.folder == folder / "runs/rates");
  REQUIRE(sweep.jobs.size() == 2 * 2 * 2 * 2 * 2);
  const std::string first = sweep.jobs[0].label.substr(sweep.jobs[0].label.find("-weight_decay="));
  const std::string draws[] = {first.starts_with("-weight_decay=0-") ? "0" : "0.1",
                               first.starts_with("-weight_decay=0-") ? "0.1" : "0"};
  std::vector<std::string> expected;
  for (const std::string seed : {"7", "3"}) {
    std::vector<std::string> cases = {"muon", "drop_muon"};
    if (seed == "3") cases = {"drop_muon", "muon"};
    for (const std::string lr : {"0.01", "0.02"}) {
      for (const std::string channels : {"4x6", "8"}) {
        for (const std::string& decay : draws) {
          for (const std::string& each : cases) {
            expected.push_back(each + "-lr=" + lr + "-channels=" + channels +
                               "-weight_decay=" + decay + "-seed=" + seed);
          }
        }
      }
    }
  }
  CHECK(labels(sweep) == expected);
  for (const SweepJob& job : sweep.jobs) {
    INFO(job.label);
    const Experiment& e = job.config.experiment;
    const bool muon = job.label.starts_with("muon");
    CHECK(job.folder == sweep.folder + "/" + job.label);
    CHECK(job.config.runs_dir == folder / "runs");
    CHECK(e.seed == (job.label.ends_with("seed=7") ? 7 : 3));
    CHECK(e.optimizer.lr == (job.label.find("lr=0.02") != std::string::npos ? 0.02 : 0.01));
    CHECK(e.model.channels ==
          (job.label.find("4x6") != std::string::npos ? std::vector{4, 6} : std::vector{8}));
    CHECK(e.optimizer.momentum == 0.9);
    CHECK(e.train.epochs == (muon ? 4 : 3));
    CHECK(e.train.batch_size == (muon ? 40 : Experiment{}.train.batch_size));
    CHECK(e.sampling.scheme == (muon ? SamplingScheme::full : SamplingScheme::uniform));
  }
  CHECK(sweep.jobs[0].config.name == "muon-lr_0.01-channels_4x6-weight_decay_" + draws[0]);
}

TEST_CASE("sweep: cases come A B B A A B, seed by seed") {
  const SweepFolder folder;
  CHECK(labels(folder.load("base: base.yaml\ncases: {a: , b: , c: {}}\nseeds: 3\n")) ==
        std::vector<std::string>{"a-seed=0", "b-seed=0", "c-seed=0", "c-seed=1", "b-seed=1",
                                 "a-seed=1", "a-seed=2", "b-seed=2", "c-seed=2"});
}

TEST_CASE("sweep: what is left out has defaults") {
  const SweepFolder folder;
  const Sweep sweep = load_sweep(folder.write("my-sweep.yaml", "base: base.yaml\n"), {});
  CHECK(sweep.name == "my-sweep");
  CHECK(sweep.folder == "runs/my-sweep");
  CHECK(sweep.definition == "base: base.yaml\n");
  CHECK(labels(sweep) == std::vector<std::string>{"seed=0"});
  CHECK(sweep.jobs[0].config.name == "my-sweep");
}

TEST_CASE("sweep: overrides come last and may move the sweep") {
  const SweepFolder folder;
  const std::string text =
      "base: base.yaml\nset: {train.epochs: 3, train.target.value: 0.5}\n"
      "cases: {a: {data.train_limit: 200}, b: {train.target: null}}\n"
      "grid: {optimizer.lr: [0.1, 0.2]}\n";
  const Sweep plain = folder.load(text);
  const Sweep sweep = folder.load(text, {"train.epochs=9", "name=moved", "train.batch_size=20"});
  CHECK(sweep.name == "moved");
  CHECK(sweep.folder == folder / "runs/moved");
  CHECK(labels(sweep) == labels(plain));
  for (std::size_t i = 0; i < sweep.jobs.size(); ++i) {
    RunConfig expected = plain.jobs[i].config;
    CHECK(expected.experiment.train.epochs == 3);
    expected.experiment.train.epochs = 9;
    expected.experiment.train.batch_size = 20;
    CHECK(to_yaml(sweep.jobs[i].config) == to_yaml(expected));
    CHECK(sweep.jobs[i].folder == folder / "runs/moved/" + sweep.jobs[i].label);
  }
  CHECK(plain.jobs[0].config.experiment.train.target.has_value());
  CHECK_FALSE(plain.jobs[1].config.experiment.train.target.has_value());
}

TEST_CASE("sweep: a label names a key by as little of it as tells it from the others") {
  const SweepFolder folder;
  const auto only = [&](const std::string& grid) {
    return folder.load("base: base.yaml\ngrid: " + grid + "\n").jobs.at(0).label;
  };
  CHECK(only("{optimizer.type: [muon]}") == "type=muon-seed=0");
  CHECK(only("{optimizer.type: [muon], schedule.type: [linear]}") ==
        "optimizer.type=muon-schedule.type=linear-seed=0");
  CHECK(only("{optimizer: {lr: [1e-3, 5e-5]}}") == "lr=0.001-seed=0");
  CHECK(only("{optimizer.lr: [1e-6]}") == "lr=1e-06-seed=0");
  CHECK(only("{data.root: ['a b/c']}") == "root=ab_c-seed=0");
  CHECK(only("{sampling.truncate: [false, true]}") == "truncate=false-seed=0");
  CHECK(only("{train.max_steps: [null, 5]}") == "max_steps=null-seed=0");
}

TEST_CASE("sweep: every label is safe in a folder and a shell, every name a configuration takes") {
  const SweepFolder folder;
  std::string axes;
  for (const std::string key :
       {"optimizer.lr", "optimizer.momentum", "optimizer.weight_decay", "sampling.probability",
        "sampling.alpha", "schedule.final_fraction"}) {
    axes += "    " + key + ": {log_uniform: [0.001234, 0.1234]}\n";
  }
  const Sweep sweep = folder.load(
      "base: base.yaml\ncases: {a-case-with-a-rather-long-name: }\n"
      "grid: {data.root: [\"a b'$(c)\\\"*\", \"d;é\"]}\n"
      "random:\n  samples: 20\n  axes:\n" +
      axes);
  std::set<std::string> names;
  for (const SweepJob& job : sweep.jobs) {
    INFO(job.label);
    CHECK(job.label.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789_.-=") == std::string::npos);
    CHECK(job.config.name.size() <= 100);
    names.insert(job.config.name);
    const std::string file = folder.write("job.yaml", to_yaml(job.config));
    CHECK(to_yaml(load_config(file, {})) == to_yaml(job.config));
  }
  CHECK(names.size() == sweep.jobs.size());  // long ones are clipped and stay different
}
