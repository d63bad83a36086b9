// SPDX-License-Identifier: MIT
// key=value arguments on top of a file.
#include <string>
#include <vector>

#include "catch.h"
#include "config_fixture.h"

using namespace dropmuon;

TEST_CASE("config: overrides replace values of the file, the last one wins") {
  const RunConfig config =
      load_text("optimizer: {lr: 0.5}\ndata: {train_limit: 10}\n",
                {"optimizer.lr=0.05", "model.channels=[64,128]", "train.target.value=0.9",
                 "data.train_limit=null", "data.root=a=b", "optimizer.nesterov=true", "name=a.b",
                 "train.epochs=1", "optimizer.lr=0.25"});
  CHECK(config.experiment.optimizer.lr == 0.25);
  CHECK(config.experiment.model.channels == std::vector<int>{64, 128});
  REQUIRE(config.experiment.train.target);
  CHECK(config.experiment.train.target->value == 0.9);
  CHECK(config.experiment.train.target->metric == TargetMetric::test_accuracy);
  CHECK(config.experiment.data.train_limit == 0);
  CHECK(config.experiment.optimizer.nesterov == Nesterov::yes);
  CHECK(config.name == "a.b");
  CHECK(config.experiment.data.root == "a=b");
}

TEST_CASE("config: an override can drop the target or complete it") {
  const std::string text = "train: {target: {metric: test_loss, value: 2}}\n";
  CHECK_FALSE(load_text(text, {"train.target=null"}).experiment.train.target);
  CHECK(load_text(text, {"train.target.value=0.5"}).experiment.train.target->metric ==
        TargetMetric::test_loss);
  CHECK(load_text("train: {target: {metric: test_loss}}\n", {"train.target.value=3"})
            .experiment.train.target->value == 3.0);
}

TEST_CASE("config: a wrong override is named, and says what to write") {
  struct Case {
    std::string item;
    std::string words;
  };
  const std::vector<Case> cases = {
      {"optimizer.lr=abc", "expected a number from 1e-30 to 1e6, found 'abc'"},
      {"optimizer.lr=", "found nothing"},
      {"optimizer.lr", "expected key=value, such as optimizer.lr=0.05"},
      {"=1", "expected key=value"},
      {"lr=0.1", "unknown key 'lr'; did you mean 'optimizer.lr'?"},
      {"opt.lr=0.1", "did you mean 'optimizer.lr'?"},
      {"optimzer.lr=0.1", "did you mean 'optimizer.lr'?"},
      {"optimizer.lt=0.1", "did you mean 'lr'?"},
      {"optimizer.foo=1", "the keys here are type, lr"},
      {"optimizer={lr: 1}",
       "'optimizer' is a section; set its keys one by one, such as optimizer.type=..."},
      {"train.target={value: 1}", "'train.target' is a section"},
      {"optimizer=null", "'optimizer' is a section"},
      {"model.channels=64", "found '64'"},
      {"model.channels=[64,", "is a bracket left open?"},
      {"model.channels=[64,0]", "found '0'"},
      {"model.kernel=[3,3]", "one for each of the 3 entries of model.channels; found 2"},
      {"optimizer.type=moun", "did you mean 'muon'?"},
      {"name=a/b", "found 'a/b'"},
      {"name=*a", "found '*a'"},
      {"name=,", "found ','"},
      {"threads=*a", "anchor"},
      {"threads=,", "unexpected ','"},
      {"train.target.metric=test_loss", "a target needs a value"},
      {"train.target.value=90", "at most 1; found 90"},
  };
  for (const Case& c : cases) {
    INFO(c.item);
    const std::string message = refusal("name: a\n", {"seed=1", c.item});
    INFO(message);
    CHECK(message.starts_with("override '" + c.item + "': "));
    CHECK(message.find(c.words) != std::string::npos);
    CHECK(message.find('\n') == std::string::npos);
  }
}

TEST_CASE("config: an override that breaks the file's keys is reported where the value stands") {
  const std::string message = refusal("model: {kernel: [3, 5, 3]}\n", {"model.channels=[8]"});
  CHECK(message.starts_with("f.yaml:1:17: model.kernel: expected one value"));
}
