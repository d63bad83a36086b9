// SPDX-License-Identifier: MIT
// Configs that are right: defaults, every field read and written, round trips, the hash.
#include <algorithm>
#include <bit>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "catch.h"
#include "config_fixture.h"
#include <dropmuon/config/config.h>

using namespace dropmuon;

namespace {

// Every key that can have another value has one that is not its default.
const char* const kNothingDefault = R"(name: x-1
runs_dir: "some where/\"q\""
seed: 18446744073709551615
threads: 3
device: cpu
precision: bf16
graphs: false
data:
  dataset: mnist
  root: "null"
  train_limit: 100
  augment:
    crop: 4
    flip: true
model:
  architecture: cnn
  channels: [8]
  kernel: 5
  pool: 1
  norm: none
  head: with_last_conv
  head_input: average_pool
optimizer:
  type: adamw
  lr: 0.30000000000000004
  momentum: 0.5
  nesterov: true
  weight_decay: 0.0005
  step: sharp
  scale: match_rms
  newton_schulz:
    steps: 7
    coefficients: polar_express
    safety: 1.25
    form: gram
  lmo:
    filter: sign
    matrix: column
    vector: row
  beta1: 0.8
  beta2: 0.99
  epsilon: 1e-06
sampling:
  scheme: tau_nice
  truncate: false
  weights: [0, 0.25, 3]
  alpha: 2
  tau: 2
  probability: 0.125
schedule:
  type: cosine
  warmup_steps: 10
  final_fraction: 0.1
train:
  epochs: 9
  batch_size: 64
  micro_batch: 16
  max_steps: 1000
  eval_every_steps: 50
  eval_every_epochs: null
  eval_train_images: 200
  log_every_steps: 6
  max_seconds: 3600
  init_from: "null"
  non_finite:
    policy: rollback
    max_skips: 3
    max_rollbacks: 7
  target:
    metric: train_loss
    value: 2.5
    stop_at_target: false
checkpoint:
  every_epochs: null
  every_steps: 25
  keep: 5
  best: false
log:
  tensorboard: true
)";

Experiment nothing_default() {
  Experiment e;
  e.seed = UINT64_MAX;
  e.data = {"mnist", "null", 100};
  e.augment = {4, true};
  e.model = {Architecture::cnn,      {8}, {5}, {1}, NormLayer::none, Head::with_last_conv,
             HeadInput::average_pool};
  e.optimizer.type = OptimizerType::adamw;
  e.optimizer.lr = 0.1 + 0.2;
  e.optimizer.momentum = 0.5;
  e.optimizer.nesterov = Nesterov::yes;
  e.optimizer.weight_decay = 5e-4;
  e.optimizer.step = StepMode::sharp;
  e.optimizer.scale = Scale::match_rms;
  e.optimizer.newton_schulz = {7, CoefficientSet::polar_express, 1.25, NewtonSchulzForm::gram};
  e.optimizer.lmo = {Norm::sign, Norm::column, Norm::row};
  e.optimizer.beta1 = 0.8;
  e.optimizer.beta2 = 0.99;
  e.optimizer.epsilon = 1e-6;
  e.sampling = {SamplingScheme::tau_nice, Truncate::no, {0.0, 0.25, 3.0}, 2.0, 2, 0.125};
  e.schedule = {ScheduleType::cosine, 10, 0.1};
  e.train = {9,
             64,
             16,
             1000,
             50,
             std::nullopt,
             200,
             6,
             3600,
             "null",
             {NonFinite::rollback, 3, 7},
             Target{TargetMetric::train_loss, 2.5, false},
             {std::nullopt, 25, 5, false}};
  return e;
}

}  // namespace

TEST_CASE("config: a missing section or key has the default of its option struct") {
  const RunConfig config = load_text("{}\n");
  CHECK(to_yaml(config) == to_yaml(RunConfig{}));
  CHECK(config.experiment.optimizer.lr == OptimizerOptions{}.lr);
  CHECK(config.experiment.train.batch_size == TrainOptions{}.batch_size);
  CHECK(load_text("optimizer: {}\ndata: {augment: {}}\n").experiment.optimizer.lr ==
        OptimizerOptions{}.lr);
}

TEST_CASE("config: the fields of every key are written and read back exactly") {
  RunConfig config;
  config.name = "x-1";
  config.runs_dir = "some where/\"q\"";
  config.device = {"cpu", Precision::bf16, 3, false};
  config.experiment = nothing_default();
  config.log = {true};
  CHECK(to_yaml(config) == kNothingDefault);
  CHECK(to_yaml(load_text(kNothingDefault)) == kNothingDefault);
}

TEST_CASE("config: in the round-trip text every key differs from its default") {
  const std::vector<std::string> defaults = split_lines(to_yaml(RunConfig{}));
  for (const std::string& line : split_lines(kNothingDefault)) {
    INFO(line);
    const bool has_one_value =
        line.ends_with(": cnn") || line.ends_with(": none") || line.ends_with(":");
    CHECK((std::find(defaults.begin(), defaults.end(), line) != defaults.end()) ==
          (has_one_value && line.find("target") == std::string::npos));
  }
}

TEST_CASE("config: each flag sets its own field and no other") {
  const RunConfig flip = load_text("data: {augment: {flip: true}}\n");
  CHECK(flip.experiment.augment.flip);
  CHECK(flip.experiment.optimizer.nesterov == Nesterov::no);
  const RunConfig whole = load_text("sampling: {truncate: false}\ntrain: {target: {value: 1}}\n");
  CHECK(whole.experiment.sampling.truncate == Truncate::no);
  CHECK(whole.experiment.train.target->stop_at_target);
}

TEST_CASE("config: numbers survive to_yaml bit for bit") {
  std::mt19937_64 random(1);
  int tried = 0;
  while (tried < 300) {
    RunConfig config;
    const auto value = std::bit_cast<double>(random());
    if (!(value >= 1e-30 && value <= 1e6)) continue;
    config.experiment.optimizer.lr = value;
    ++tried;
    const double back = load_text(to_yaml(config)).experiment.optimizer.lr;
    CHECK(std::bit_cast<std::uint64_t>(back) == std::bit_cast<std::uint64_t>(value));
  }
}

TEST_CASE("config: texts survive to_yaml whatever they look like") {
  for (const std::string text :
       {"null", "Null", "./~", "./~/data", "./data", "../x",  "true", "12",      "0x1", "a: b",
        "a #b", "#",    "'",   "\"",       "\\",     "C:\\x", "- a",  "[a]",     "{a}", "&a",
        "*a",   "!a",   "%a",  "@a",       "---",    "...",   " a ",  "\xC3\xA4"}) {
    RunConfig config;
    config.experiment.data.root = text;
    CHECK(load_text(to_yaml(config)).experiment.data.root == text);
  }
}

TEST_CASE("config: lists, single values, null and auto") {
  const RunConfig config = load_text(
      "model: {channels: [4, 8], kernel: [3, 5], pool: [2]}\n"
      "train: {micro_batch: auto, max_steps: null, eval_every_epochs: ~, target: null}\n");
  const ModelOptions& model = config.experiment.model;
  CHECK(model.channels == std::vector<int>{4, 8});
  CHECK(model.kernel == std::vector<int>{3, 5});
  CHECK(model.pool == std::vector<int>{2});
  CHECK(config.experiment.train.micro_batch == 0);
  CHECK_FALSE(config.experiment.train.max_steps);
  CHECK_FALSE(config.experiment.train.eval_every_epochs);
  CHECK_FALSE(config.experiment.train.target);
  CHECK(to_yaml(config).find("  kernel: [3, 5]\n  pool: 2\n") != std::string::npos);
}

TEST_CASE("config: block style, comments, quotes, CRLF and a leading --- are read") {
  const RunConfig config = load_text(
      "---\r\n# c\r\nname: 'a'  # c\r\noptimizer:\r\n  \"lr\": 1e-3\r\n\r\nmodel:\r\n  "
      "channels:\r\n"
      "  - 4\r\n  - 8\r\n...\r\n");
  CHECK(config.name == "a");
  CHECK(config.experiment.optimizer.lr == 1e-3);
  CHECK(config.experiment.model.channels == std::vector<int>{4, 8});
}
