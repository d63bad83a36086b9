// SPDX-License-Identifier: MIT
// What a sweep file may not say: where, why, and with which exit code.
#include <string>
#include <vector>

#include "catch.h"
#include "sweep_fixture.h"

using namespace dropmuon;

namespace {

struct ErrorCase {
  std::string text;     // after "base: base.yaml\n"
  std::string message;  // how it begins
};

}  // namespace

TEST_CASE("sweep: a wrong file is refused with its place and what to write") {
  const std::vector<ErrorCase> cases = {
      {"grids: {}", "2:1: unknown key 'grids'; did you mean 'grid'?"},
      {"optimizer: {lr: 1}",
       "2:1: unknown key 'optimizer'; keys of a configuration go below 'set:'"},
      {"foo: 1",
       "2:1: unknown key 'foo'; the keys of a sweep are name, runs_dir, base, set, cases, "
       "grid, random, seeds"},
      {"name: a/b", "2:7: name: expected a folder name of"},
      {"runs_dir: [a]", "2:11: runs_dir: expected text, found a list"},
      {"set: 3", "2:6: set: expected a map of settings, found '3'"},
      {"set: {optimizer.lt: 1}", "2:7: unknown key 'optimizer.lt'; did you mean 'optimizer.lr'?"},
      {"set: {optimizer.lr: fast}", "2:21: optimizer.lr: expected a number"},
      {"set: {lr: 1}", "2:7: unknown key 'lr'; did you mean 'optimizer.lr'?"},
      {"set: {name: a}", "2:7: 'name' belongs to the sweep: the jobs"},
      {"set: {runs_dir: a}", "2:7: 'runs_dir' belongs to the sweep: write runs_dir at the top"},
      {"set: {seed: 1}", "2:7: 'seed' belongs to the sweep: write seeds: [0, 1, 2] at the top"},
      {"set: {optimizer: 1}",
       "2:18: 'optimizer' is a section; set its keys one by one, such as "
       "optimizer.type: ..."},
      {"set:\n  train.epochs: 1\n  train: {epochs: 2}",
       "4:11: duplicate key 'train.epochs'; it is already set on line 3"},
      {"set: {model.kernel: [3, 5, 3]}",
       "2:21: model.kernel: expected one value, or one for each of the 2 entries of "
       "model.channels; found 3, in job 'seed=0'"},
      {"cases: {a: {model.channels: [8, 8, 8]}, b: }\nset: {model.pool: [2, 1]}\n",
       "3:19: model.pool: expected one value"},
      {"cases: {}", "2:8: cases: expected names with their settings, found none"},
      {"cases: [a]", "2:8: cases: expected names with their settings, found a list"},
      {"cases: {-a: }", "2:9: cases: expected a name of 1 to 60 letters"},
      {"cases: {a=b: }", "2:9: cases: expected a name of 1 to 60 letters"},
      {"cases: {a: 3}", "2:12: cases: a: expected a map of settings, found '3'"},
      {"cases: {a: {optimizr.lr: 3}}",
       "2:13: unknown key 'optimizr.lr'; did you mean 'optimizer.lr'?"},
      {"cases: {a: {base: [x]}}", "2:19: base: expected the file of a configuration, found a list"},
      {"cases: {a: , a: }", "2:14: duplicate key 'a'"},
      {"grid:", "2:1: grid: expected axes such as optimizer.lr: [0.01, 0.02], found nothing"},
      {"grid: {}", "2:7: grid: expected axes such as optimizer.lr: [0.01, 0.02], found an empty"},
      {"grid: {optimizer.lr: []}",
       "2:22: optimizer.lr: expected a list of values, found an empty list"},
      {"grid: {optimizer.lr: 0.1}", "2:22: optimizer.lr: expected a list of values, found '0.1'"},
      {"grid:\n  optimizer.lr: [0.1, fast]", "3:23: optimizer.lr: expected a number"},
      {"grid: {optimiser.lr: [1]}",
       "2:8: unknown key 'optimiser.lr'; did you mean 'optimizer.lr'?"},
      {"grid: {optimizer: [1]}", "2:19: 'optimizer' is a section"},
      {"grid: {train.target: }", "2:22: 'train.target' is a section"},
      {"grid: {seed: [1, 2]}", "2:8: 'seed' belongs to the sweep"},
      {"grid: {optimizer.lr: [0.1, 0.10]}",
       "2:28: optimizer.lr: '0.10' is there twice, which would make two jobs with the same folder"},
      {"grid: {data.root: [a b, ab]}",
       "2:25: two jobs would have the same folder 'root=ab-seed=0'"},
      {"grid: {optimizer.lr: [1]}\nset: {optimizer.lr: 2}",
       "2:8: axis 'optimizer.lr' is already set by set on line 3; keep one of them"},
      {"grid: {optimizer.lr: [1]}\ncases: {a: {optimizer.lr: 2}}",
       "2:8: axis 'optimizer.lr' is already set by case 'a' on line 3"},
      {"grid: {optimizer.lr: [1]}\nrandom: {samples: 1, axes: {optimizer.lr: {choice: [1]}}}",
       "3:29: axis 'optimizer.lr' is already set by grid on line 2"},
      {"random: 3", "2:9: random: expected samples and axes, found '3'"},
      {"random: {axes: {optimizer.lr: {choice: [1]}}}",
       "2:9: random: expected samples: N, found none"},
      {"random: {samples: 2}", "2:9: random: expected axes, found none"},
      {"random: {samples: 0, axes: {optimizer.lr: {choice: [1]}}}",
       "2:19: random.samples: expected a whole number from 1 to 100000, found '0'"},
      {"random: {sample: 1}",
       "2:10: unknown key 'random.sample'; the keys here are samples, seed, axes; did you mean "
       "'samples'?"},
      {"random: {samples: 1, seed: -1, axes: {optimizer.lr: {choice: [1]}}}",
       "2:28: random.seed: expected a whole number"},
      {"random: {samples: 1, axes: {}}", "2:28: random.axes: expected axes such as"},
      {"random: {samples: 1, axes: {optimizer.lr: 1}}",
       "2:43: optimizer.lr: expected one of log_uniform: [a, b], uniform: [a, b] and choice: "
       "[a, b, c], found '1'"},
      {"random: {samples: 1, axes: {optimizer.lr: {log_unifrom: [1, 2]}}}",
       "2:44: optimizer.lr: unknown distribution 'log_unifrom', expected log_uniform, uniform or "
       "choice; did you mean 'log_uniform'?"},
      {"random: {samples: 1, axes: {optimizer.lr: {log_uniform: [1]}}}",
       "2:57: optimizer.lr: log_uniform: expected two bounds such as [0.001, 0.1], found a list "
       "of 1"},
      {"random: {samples: 1, axes: {optimizer.lr: {log_uniform: [2, 1]}}}",
       "2:57: optimizer.lr: log_uniform: expected the lower bound before the higher one, found "
       "'2' and '1'"},
      {"random: {samples: 1, axes: {optimizer.lr: {uniform: [1, 1]}}}",
       "2:53: optimizer.lr: uniform: expected the lower bound before"},
      {"random: {samples: 1, axes: {optimizer.momentum: {log_uniform: [0, 0.5]}}}",
       "2:64: optimizer.momentum: log_uniform: expected bounds above 0, found '0'"},
      {"random: {samples: 1, axes: {optimizer.lr: {log_uniform: [0.1, 1e9]}}}",
       "2:63: optimizer.lr: expected a number"},
      {"random: {samples: 1, axes: {train.epochs: {uniform: [0.5, 3]}}}",
       "2:54: train.epochs: expected a whole number"},
      {"random: {samples: 1, axes: {optimizer.lr: {uniform: [a, 3]}}}", "2:54: optimizer.lr: exp"},
      {"random: {samples: 1, axes: {optimizer.lr: {choice: []}}}",
       "2:52: optimizer.lr: expected a list of values, found an empty list"},
      {"seeds: []", "2:8: seeds: expected at least one, found none"},
      {"seeds: 0", "2:8: seeds: expected a whole number from 1 to 100000, found '0'"},
      {"seeds: -1", "2:8: seeds: expected a whole number from 1"},
      {"seeds: [0, -1]", "2:12: seeds: expected a whole number from 0"},
      {"seeds: [0, 1, 0]",
       "2:15: seeds: 0 is there twice, which would make two jobs with the same folder"},
      {"seeds: {a: 1}", "2:8: seeds: expected a list of them, or how many, found a map"},
      {"seeds: 100000\ncases: {a: , b: }", "1:1: expected at most 100000 jobs, found 200000"},
      {"seeds: [&a 1]", "2:9: anchors"},
  };
  const SweepFolder folder;
  for (const ErrorCase& c : cases) {
    INFO(c.text);
    const std::string refused = folder.refusal("base: base.yaml\n" + c.text + "\n");
    CHECK_THAT(refused, Catch::StartsWith("78: s.yaml:" + c.message));
    CHECK_THAT(refused, Catch::Contains("\n") && Catch::EndsWith("^"));
  }
}

TEST_CASE("sweep: the message shows the line and points at the place") {
  const SweepFolder folder;
  CHECK(folder.refusal("base: base.yaml\ngrid:\n  optimizr.lr: [0.1]\n") ==
        "78: s.yaml:3:3: unknown key 'optimizr.lr'; did you mean 'optimizer.lr'?\n"
        "  optimizr.lr: [0.1]\n"
        "  ^");
}

TEST_CASE("sweep: files that are not there, or bases that are wrong") {
  const SweepFolder folder;
  CHECK_THROWS_AS(load_sweep(folder / "none.yaml", {}), Error);
  try {
    load_sweep(folder / "none.yaml", {});
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::missing_input);
  }
  CHECK_THAT(folder.refusal("base: nowhere.yaml\n"),
             Catch::StartsWith("66: s.yaml:1:7: base: no file nowhere.yaml"));
  CHECK_THAT(folder.refusal("base: base.yaml\ncases:\n  a: {base: no/where.yaml}\n"),
             Catch::StartsWith("66: s.yaml:3:13: base: no file no/where.yaml"));
  CHECK_THAT(folder.refusal("seeds: 2\n"), Catch::StartsWith("78: s.yaml:1:1: expected base: "));
  CHECK_THAT(folder.refusal("cases: {a: {base: base.yaml}, b: }\n"),
             Catch::StartsWith("78: s.yaml:1:1: expected base: CONFIG, here or in case 'b'"));
  CHECK_THAT(folder.refusal(""), Catch::StartsWith("78: s.yaml:1:1: expected keys such as"));
  CHECK_THAT(folder.refusal("- a\n"), Catch::StartsWith("78: s.yaml:1:1: expected keys such as"));
  folder.write("wrong.yaml", "optimizer: {lr: x}\n");
  CHECK_THAT(folder.refusal("base: wrong.yaml\n"),
             Catch::StartsWith("78: wrong.yaml:1:17: optimizer.lr: expected a number"));
}

TEST_CASE("sweep: overrides that make no sense here") {
  const SweepFolder folder;
  const std::string text =
      "base: base.yaml\ngrid: {optimizer.lr: [0.1]}\n"
      "random: {samples: 1, axes: {train.epochs: {choice: [2]}}}\n";
  CHECK(folder.refusal(text, {"train.batch_size=20"}).empty());
  CHECK(folder.refusal(text, {"optimizer.lr=1"}) ==
        "78: override 'optimizer.lr=1': the jobs of the sweep differ in optimizer.lr; change it in "
        "s.yaml");
  CHECK_THAT(folder.refusal(text, {"train.epochs=1"}), Catch::Contains("differ in train.epochs"));
  CHECK_THAT(folder.refusal(text, {"seed=1"}), Catch::Contains("differ in seed"));
  const std::string cases =
      "base: base.yaml\nset: {train.target.value: 0.5}\n"
      "cases: {a: {optimizer.type: sgd}, b: {train.target: null}}\n";
  CHECK(folder.refusal(cases, {"optimizer.lr=0.1", "train.epochs=1"}).empty());
  CHECK_THAT(
      folder.refusal(cases, {"optimizer.type=muon"}),
      Catch::StartsWith("78: ") && Catch::Contains("differ in optimizer.type; change it in"));
  for (const std::string over : {"train.target.value=0.7", "train.target=null"}) {
    CHECK_THAT(folder.refusal(cases, {over}), Catch::Contains("differ in train.target; change"));
  }
  CHECK_THAT(folder.refusal("base: base.yaml\ncases: {a: {train.target.value: 0.5}, b: }\n",
                            {"train.target=null"}),
             Catch::Contains("differ in train.target.value; change"));
  CHECK_THAT(folder.refusal(text, {"optimizer.lt=1"}),
             Catch::StartsWith("78: override 'optimizer.lt=1': unknown key"));
  CHECK_THAT(folder.refusal(text, {"name=a/b"}), Catch::StartsWith("78: override 'name=a/b'"));
  CHECK_THAT(folder.refusal(text, {"model.kernel=[3,3,3]"}),
             Catch::StartsWith("78: override 'model.kernel=[3,3,3]': expected one value"));
  // What is wrong in the file is shown there, with or without overrides.
  CHECK_THAT(folder.refusal("base: base.yaml\nset: {model.kernel: [3, 3, 3]}\n", {"graphs=false"}),
             Catch::StartsWith("78: s.yaml:2:21: model.kernel: "));
}
