// SPDX-License-Identifier: MIT
// Wrong configs, and the place and words with which each is refused.
#include <string>
#include <vector>

#include "catch.h"
#include "config_fixture.h"

using namespace dropmuon;

namespace {

struct Case {
  std::string text;
  int line;
  int column;
  std::string words;
};

void check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    INFO(c.text);
    const std::string message = refusal(c.text);
    INFO(message);
    const std::vector<std::string> lines = split_lines(message);
    REQUIRE(lines.size() == 3);
    const std::string place = std::to_string(c.line) + ":" + std::to_string(c.column) + ": ";
    CHECK(lines[0].starts_with("f.yaml:" + place));
    CHECK(lines[0].find(c.words) != std::string::npos);
    CHECK(lines[2] == std::string(static_cast<std::size_t>(c.column - 1), ' ') + "^");
  }
}

}  // namespace

TEST_CASE("config: what is not a map of known keys is refused at its place") {
  check({
      {"", 1, 1, "found nothing"},
      {"# only a comment\n", 1, 1, "found nothing"},
      {"---\n", 2, 1, "found nothing"},
      {"foo\n", 1, 1, "found 'foo'"},
      {"- a\n- b\n", 1, 1, "found a list"},
      {"nmae: x\n", 1, 1, "unknown key 'nmae'; did you mean 'name'?"},
      {"name: x\noptimzer: {lr: 1}\n", 2, 1, "did you mean 'optimizer'?"},
      {"optimizer: {learning: 1}\n", 1, 13, "the keys here are type, lr, momentum"},
      {"optimizer:\n  lr: 0.1\n  momentun: 0.9\n", 3, 3, "did you mean 'momentum'?"},
      {"lr: 0.1\n", 1, 1, "did you mean 'optimizer.lr'?"},
      {"batch_size: 1\n", 1, 1, "did you mean 'train.batch_size'?"},
      {"hooks: {keep: 2}\n", 1, 1, "unknown key 'hooks'; the keys here are name"},
      {"optimizer.lr: 0.1\n", 1, 1, "unknown key 'optimizer.lr'; dotted keys are for overrides"},
      {"optimizer: {lmo.filter: sign}\n", 1, 13, "unknown key 'optimizer.lmo.filter'"},
      {"optimizer: muon\n", 1, 12, "optimizer: expected a map of keys, found 'muon'"},
      {"optimizer: [lr]\n", 1, 12, "found a list"},
      {"seed: 1\noptimizer:\nname: x\n", 2, 1, "optimizer: expected a map of keys, found nothing"},
      {"optimizer: null\n", 1, 12, "leave the section out"},
      {"optimizer: {lmo: spectral}\n", 1, 18, "optimizer.lmo: expected a map"},
      {"train: {target: 0.9}\n", 1, 17, "train.target: expected a map"},
      {"train: {target: {valeu: 0.9}}\n", 1, 18, "did you mean 'value'?"},
  });
}

TEST_CASE("config: wrong numbers are refused at their place") {
  check({
      {"seed: 010\n", 1, 7, "found '010'"},
      {"seed: 0x10\n", 1, 7, "found '0x10'"},
      {"seed: 1e3\n", 1, 7, "seed: expected a whole number"},
      {"seed: 1.0\n", 1, 7, "found '1.0'"},
      {"seed: +1\n", 1, 7, "found '+1'"},
      {"seed: 1_000\n", 1, 7, "found '1_000'"},
      {"seed: -1\n", 1, 7, "from 0 to 18446744073709551615, found '-1'"},
      {"seed: 18446744073709551616\n", 1, 7, "found '18446744073709551616'"},
      {"seed: \"1\"\n", 1, 7, "found the quoted text \"1\""},
      {"seed: [1]\n", 1, 7, "found a list"},
      {"seed: {a: 1}\n", 1, 7, "found a map"},
      {"seed:\n", 1, 1, "found nothing"},
      {"seed: ~\n", 1, 7, "found nothing"},
      {"threads: 0\n", 1, 10, "auto or a whole number from 1 to 4096, found '0'"},
      {"threads: Auto\n", 1, 10, "threads: expected auto"},
      {"threads: null\n", 1, 10, "threads: expected auto"},
      {"optimizer: {lr: abc}\n", 1, 17, "optimizer.lr: expected a number"},
      {"optimizer: {lr: 0}\n", 1, 17, "found '0'"},
      {"optimizer: {lr: -0.1}\n", 1, 17, "found '-0.1'"},
      {"optimizer: {lr: .5}\n", 1, 17, "found '.5'"},
      {"optimizer: {lr: 5.}\n", 1, 17, "found '5.'"},
      {"optimizer: {lr: 1e}\n", 1, 17, "found '1e'"},
      {"optimizer: {lr: 1e999}\n", 1, 17, "found '1e999'"},
      {"optimizer: {lr: 1e7}\n", 1, 17, "from 1e-30 to 1e6"},
      {"optimizer: {lr: .nan}\n", 1, 17, "found '.nan'"},
      {"optimizer: {lr: inf}\n", 1, 17, "found 'inf'"},
      {"optimizer: {lr: 0,1}\n", 1, 17, "found '0'"},
      {"optimizer: {lr: 00.1}\n", 1, 17, "found '00.1'"},
      {"optimizer: {momentum: 1}\n", 1, 23, "optimizer.momentum: expected a number >= 0 and < 1"},
      {"optimizer: {momentum: -0.1}\n", 1, 23, "found '-0.1'"},
      {"optimizer: {weight_decay: -1}\n", 1, 27, "optimizer.weight_decay"},
      {"optimizer: {beta1: 1.0}\n", 1, 20, "optimizer.beta1"},
      {"optimizer: {beta2: 2}\n", 1, 20, "optimizer.beta2"},
      {"optimizer: {epsilon: 0}\n", 1, 22, "optimizer.epsilon"},
      {"optimizer: {newton_schulz: {steps: 0}}\n", 1, 36, "from 1 to 30, found '0'"},
      {"optimizer: {newton_schulz: {steps: 31}}\n", 1, 36, "found '31'"},
      {"optimizer: {newton_schulz: {safety: 0.9}}\n", 1, 37, "from 1 to 2"},
      {"sampling: {alpha: -1}\n", 1, 19, "sampling.alpha"},
      {"sampling: {tau: 0}\n", 1, 17, "sampling.tau"},
      {"sampling: {probability: 0}\n", 1, 25, "sampling.probability"},
      {"sampling: {probability: 1.5}\n", 1, 25, "found '1.5'"},
      {"schedule: {warmup_steps: -1}\n", 1, 26, "schedule.warmup_steps"},
      {"schedule: {final_fraction: 2}\n", 1, 28, "schedule.final_fraction"},
      {"train:\n  epochs: 0\n", 2, 11, "train.epochs"},
      {"train: {batch_size: 0}\n", 1, 21, "train.batch_size"},
      {"train: {batch_size: 5000000000}\n", 1, 21, "found '5000000000'"},
      {"train: {micro_batch: none}\n", 1, 22, "auto or a whole number"},
      {"train: {max_steps: 0}\n", 1, 20, "null or a whole number"},
      {"train: {eval_every_steps: auto}\n", 1, 27, "train.eval_every_steps"},
      {"train: {eval_every_epochs: 0}\n", 1, 28, "train.eval_every_epochs"},
      {"train: {eval_train_images: null}\n", 1, 28, "train.eval_train_images"},
      {"train: {log_every_steps: 0}\n", 1, 26, "train.log_every_steps"},
      {"data: {train_limit: 0}\n", 1, 21, "null or a whole number"},
      {"data: {augment: {crop: 17}}\n", 1, 24, "from 0 to 16"},
  });
}

TEST_CASE("config: wrong words, flags and texts are refused at their place") {
  check({
      {"optimizer: {nesterov: yes}\n", 1, 23, "expected true or false, found 'yes'"},
      {"optimizer: {nesterov: True}\n", 1, 23, "found 'True'"},
      {"optimizer: {nesterov: 1}\n", 1, 23, "found '1'"},
      {"optimizer: {nesterov: \"true\"}\n", 1, 23, "found the quoted text"},
      {"data: {augment: {flip: on}}\n", 1, 24, "data.augment.flip: expected true or false"},
      {"sampling: {truncate: no}\n", 1, 22, "sampling.truncate"},
      {"optimizer: {type: moun}\n", 1, 19,
       "one of muon, sgd, adamw, found 'moun'; did you mean 'muon'?"},
      {"optimizer: {type: Adamw}\n", 1, 19, "did you mean 'adamw'?"},
      {"optimizer: {type: lion}\n", 1, 19, "one of muon, sgd, adamw, found 'lion'"},
      {"optimizer: {type: [muon]}\n", 1, 19, "found a list"},
      {"optimizer: {step: sharpe}\n", 1, 19, "did you mean 'sharp'?"},
      {"optimizer: {scale: rms}\n", 1, 20, "one of none, sqrt_ratio, match_rms"},
      {"optimizer: {lmo: {filter: spectrl}}\n", 1, 27, "did you mean 'spectral'?"},
      {"sampling: {scheme: optimal}\n", 1, 20, "epoch_shift, tau_nice"},
      {"schedule: {type: cosin}\n", 1, 18, "did you mean 'cosine'?"},
      {"model: {architecture: resnet}\n", 1, 23, "expected cnn, found 'resnet'"},
      {"model: {head: own}\n", 1, 15, "own_layer"},
      {"precision: fp16\n", 1, 12, "one of fp32, tf32, bf16, found 'fp16'"},
      {"device: gpu\n", 1, 9, "device: expected auto, cpu"},
      {"device: cpu:x\n", 1, 9, "device: expected auto, cpu"},
      {"data: {dataset: cifar}\n", 1, 17, "data.dataset: expected one of mnist"},
      {"data: {dataset: mnits}\n", 1, 17, "did you mean 'mnist'?"},
      {"data: {root: \"\"}\n", 1, 14, "empty text"},
      {"runs_dir: \"a\\nb\"\n", 1, 11, "control characters"},
      {"runs_dir: [a]\n", 1, 11, "expected text, found a list"},
      {"name: a/b\n", 1, 7, "folder name"},
      {"name: ..\n", 1, 7, "found '..'"},
      {"name: -a\n", 1, 7, "found '-a'"},
      {"name: \"\"\n", 1, 7, "found ''"},
      {"name: a b\n", 1, 7, "found 'a b'"},
      {"name: null\n", 1, 7, "name: expected text, found nothing"},
      {"name: |\n  a\n  b\n", 1, 7, "found 'a?b?'"},
      {"name: " + std::string(101, 'n') + "\n", 1, 7, "1 to 100"},
  });
}

TEST_CASE("config: wrong lists and keys that disagree are refused at their place") {
  check({
      {"model: {channels: []}\n", 1, 19, "a list of 1 to 62 whole numbers from 1 to 8192, found 0"},
      {"model: {channels: 64}\n", 1, 19, "found '64'"},
      {"model: {channels: [64, 0]}\n", 1, 24, "found '0'"},
      {"model:\n  channels:\n    - 64\n    - x\n", 4, 7, "found 'x'"},
      {"model: {channels: [64, null]}\n", 1, 24, "found nothing"},
      {"model: {channels: [[64]]}\n", 1, 20, "found a list"},
      {"model: {kernel: 2}\n", 1, 17, "expected an odd number, found '2'"},
      {"model: {kernel: [3, 4, 3]}\n", 1, 21, "found '4'"},
      {"model: {kernel: 17}\n", 1, 17, "from 1 to 15"},
      {"model: {kernel: []}\n", 1, 17, "found 0 of them"},
      {"model: {kernel: [3, 3]}\n", 1, 17,
       "model.kernel: expected one value, or one for each of the 3"},
      {"model: {pool: 16}\n", 1, 15, "from 1 to 15"},
      {"model: {pool: 0}\n", 1, 15, "found '0'"},
      {"model:\n  pool: [2, 2]\n  channels: [8]\n", 2, 9,
       "each of the 1 entries of model.channels; found 2"},
      {"sampling: {weights: 1}\n", 1, 21, "a list of numbers"},
      {"sampling: {weights: [1, -1]}\n", 1, 25, "found '-1'"},
      {"sampling: {weights: [0, 0.0]}\n", 1, 21, "only zeros"},
      {"sampling:\n  scheme: weights\n", 2, 11, "needs sampling.weights"},
      {"train: {target: {metric: test_loss}}\n", 1, 17, "a target needs a value"},
      {"train: {target: {value: 0}}\n", 1, 25, "train.target.value"},
      {"train: {target: {value: 90}}\n", 1, 25, "at most 1; found 90"},
      {"train: {target: {metric: test_acuracy, value: 0.9}}\n", 1, 26,
       "did you mean 'test_accuracy'?"},
  });
}

TEST_CASE("config: YAML that can surprise is refused at its place") {
  check({
      {"seed: 1\nname: a\nseed: 2\n", 3, 1, "duplicate key 'seed'; it is already set on line 1"},
      {"optimizer: {lr: 1, lr: 2}\n", 1, 20, "duplicate key 'lr'"},
      {"optimizer: {lr: 1, \"lr\": 2}\n", 1, 20, "duplicate key 'lr'"},
      {"<<: {seed: 1}\n", 1, 1, "merge keys (<<)"},
      {"optimizer: {<<: {lr: 1}}\n", 1, 13, "merge keys (<<)"},
      {"name: &a x\n", 1, 7, "anchors (&name)"},
      {"&a name: x\n", 1, 1, "anchors (&name)"},
      {"name: *a\n", 1, 7, "anchor"},
      {"seed: !!int 5\n", 1, 7, "tags (!name)"},
      {"seed: ! 5\n", 1, 7, "tags (!name)"},
      {"name: a\n---\nname: b\n", 2, 1, "a second document"},
      {"---\n---\n", 2, 1, "a second document"},
      {"data: {root: \"\xC3\xA4\"}\n---\n", 2, 1, "a second document"},
      {"name: a\n...\nrest\n", 3, 1, "unexpected 'rest'"},
      {", a: 1\n", 1, 1, "unexpected ', a: 1'"},
      {"name: a\n}\n", 2, 1, "not valid YAML"},
      {"name: [a\n", 2, 1, "end of sequence flow not found"},
      {"model: {channels: [64", 2, 1, "end of sequence flow not found"},
      {"name: \"a\n", 1, 7, "no end quote"},
      {"name: 'it''s\n", 1, 7, "no end quote"},
      {"name: \"a\\\"\n", 1, 7, "no end quote"},
      {"name: \"\\q\"\n", 1, 10, "unknown escape"},
      {"name: @a\n", 1, 7, "not valid YAML"},
      {"name: a\n  seed: 1\n", 2, 7, "not valid YAML"},
      {"? [a]\n: 1\n", 1, 3, "expected a word as key"},
      {": 1\n", 1, 1, "expected a key before ':'"},
      {"null: 1\n", 1, 1, "expected a key before ':'"},
      {"%YAML 3.0\n---\nname: a\n", 1, 1, "not valid YAML"},
  });
}

TEST_CASE("config: bytes that are not clean text are refused at their place") {
  check({
      {"name: a\nruns_dir: \xFFx\n", 2, 11, "the byte 0xff"},
      {"\xFF\xFEn\n", 1, 1, "UTF-8"},
      {"name: \xC0\x80\n", 1, 7, "the byte 0xc0"},
      {"name: \xED\xA0\x80\n", 1, 7, "the byte 0xed"},
      {"name: \xF4\x90\x80\x80\n", 1, 7, "the byte 0xf4"},
      {"name: \xE2\x82\n", 1, 7, "the byte 0xe2"},
      {"name: \xE2\x82", 1, 7, "the byte 0xe2"},
      {"name: \xE0\x80\x80\n", 1, 7, "the byte 0xe0"},
      {"name: \xF0\x80\x80\x80\n", 1, 7, "the byte 0xf0"},
      {"name: a\x7F\n", 1, 8, "control character 0x7f"},
      {std::string("name: a\0b\n", 10), 1, 8, "control character 0x00"},
      {"name: a\x04\n", 1, 8, "control character 0x04"},
      {"name: \x1B[31m\n", 1, 7, "control character 0x1b"},
      {"name: a\rseed: 1\n", 1, 8, "control character 0x0d"},
      {"optimizer:\n\tlr: 1\n", 2, 1, "found a tab"},
      {"optimizer:\n  \tlr: 1\n", 2, 3, "found a tab"},
      {"data: {root: \"\xC3\xA4\xE2\x82\xAC\", lx: 1}\n", 1, 20, "unknown key 'data.lx'"},
      {"\xC3\xA4rger: 1\n", 1, 1, "unknown key '\xC3\xA4rger'"},
  });
}

TEST_CASE("config: the message shows the source line, without its line break or tabs") {
  CHECK(split_lines(refusal("seed: 1\r\nname: a/b\r\n"))[1] == "name: a/b");
  CHECK(split_lines(refusal("optimizer:\n\tlr: 1\n"))[1] == " lr: 1");
  CHECK(split_lines(refusal("name: \x1B[31m\n"))[1] == "name: ?[31m");
}

TEST_CASE("config: a byte order mark does not shift the place") {
  CHECK(refusal("\xEF\xBB\xBFseed: x\n").starts_with("f.yaml:1:7: seed: expected"));
  CHECK(load_text("\xEF\xBB\xBFseed: 3\r\nname: a\r\n").experiment.seed == 3);
}

TEST_CASE("config: a long line is clipped around the caret") {
  const std::string text = "model: {channels: [" + std::string(3000, ' ') + "x]}\n";
  const std::vector<std::string> lines = split_lines(refusal(text));
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].starts_with("f.yaml:1:3020: "));
  CHECK(lines[1].size() < 110);
  CHECK(lines[1].at(lines[2].size() - 1) == 'x');
}
