// SPDX-License-Identifier: MIT
// Keys of `model`, `optimizer`, `sampling` and `schedule`.
#include "keys.h"

namespace dropmuon {
namespace {

// Steps and weights are computed in fp32, so values must be finite and not vanish there.
NumberRange positive() {
  return {"from 1e-30 to 1e6", [](double x) { return x >= 1e-30 && x <= 1e6; }};
}
NumberRange not_negative() {
  return {"from 0 to 1e6", [](double x) { return x >= 0.0 && x <= 1e6; }};
}
NumberRange decay() {
  return {">= 0 and < 1", [](double x) { return x >= 0.0 && x < 1.0; }};
}
NumberRange fraction() {
  return {"from 0 to 1", [](double x) { return x >= 0.0 && x <= 1.0; }};
}
NumberRange probability() {
  return {"> 0 and <= 1", [](double x) { return x > 0.0 && x <= 1.0; }};
}

const Words<Norm>& norm_words() {
  static const Words<Norm> words = {{Norm::spectral, "spectral"},
                                    {Norm::sign, "sign"},
                                    {Norm::euclidean, "euclidean"},
                                    {Norm::column, "column"},
                                    {Norm::row, "row"}};
  return words;
}

std::vector<ConfigKey> muon_keys() {
  return {
      choice_key<StepMode>("optimizer.step",
                           {{StepMode::radius, "radius"}, {StepMode::sharp, "sharp"}},
                           "muon: step of fixed length, or times the dual norm.",
                           DM_FIELD(experiment.optimizer.step)),
      choice_key<Scale>("optimizer.scale",
                        {{Scale::none, "none"},
                         {Scale::sqrt_ratio, "sqrt_ratio"},
                         {Scale::match_rms, "match_rms"}},
                        "muon: factor on a step from the shape of its matrix.",
                        DM_FIELD(experiment.optimizer.scale)),
      integer_key("optimizer.newton_schulz.steps", {1, 30}, "Polynomial steps.",
                  DM_FIELD(experiment.optimizer.newton_schulz.steps)),
      choice_key<CoefficientSet>("optimizer.newton_schulz.coefficients",
                                 {{CoefficientSet::jordan, "jordan"},
                                  {CoefficientSet::you, "you"},
                                  {CoefficientSet::polar_express, "polar_express"}},
                                 "The published polynomials.",
                                 DM_FIELD(experiment.optimizer.newton_schulz.coefficients)),
      number_key("optimizer.newton_schulz.safety",
                 {"from 1 to 2", [](double x) { return x >= 1.0 && x <= 2.0; }},
                 "polar_express: every polynomial p(x) becomes p(x / safety).",
                 DM_FIELD(experiment.optimizer.newton_schulz.safety)),
      choice_key<NewtonSchulzForm>("optimizer.newton_schulz.form",
                                   {{NewtonSchulzForm::automatic, "automatic"},
                                    {NewtonSchulzForm::standard, "standard"},
                                    {NewtonSchulzForm::gram, "gram"}},
                                   "Iterate on the matrix or on its small Gram matrix.",
                                   DM_FIELD(experiment.optimizer.newton_schulz.form)),
      choice_key<Norm>("optimizer.lmo.filter", norm_words(), "Convolution filters.",
                       DM_FIELD(experiment.optimizer.lmo.filter)),
      choice_key<Norm>("optimizer.lmo.matrix", norm_words(), "Weights of linear layers.",
                       DM_FIELD(experiment.optimizer.lmo.matrix)),
      choice_key<Norm>("optimizer.lmo.vector", norm_words(), "Biases and gains.",
                       DM_FIELD(experiment.optimizer.lmo.vector)),
  };
}

// One number per layer; how many is known only when the model is.
ConfigKey weights_key() {
  auto read = [](RunConfig& config, const YamlNode& node) {
    std::vector<double> weights = read_numbers(node, not_negative(), ActiveSet::kMaxDepth);
    double sum = 0.0;
    for (const double weight : weights) sum += weight;
    if (!weights.empty() && sum == 0.0) {
      throw TextError(node.at, "expected at least one weight above 0, found only zeros");
    }
    config.experiment.sampling.weights = std::move(weights);
  };
  auto print = [](const RunConfig& config) {
    std::vector<std::string> items;
    for (const double weight : config.experiment.sampling.weights) {
      items.push_back(print_number(weight));
    }
    return print_list(items);
  };
  return {"sampling.weights", "a list of numbers from 0 to 1e6",
          "weights: one per layer, the first layer first.", read, print};
}

}  // namespace

std::vector<ConfigKey> model_keys() {
  return {
      choice_key<Architecture>("model.architecture", {{Architecture::cnn, "cnn"}},
                               "Blocks of convolution, bias, ReLU, max-pool; then a classifier.",
                               DM_FIELD(experiment.model.architecture)),
      integers_key("model.channels", {.item = {1, 8192}, .max_items = kMaxConvLayers},
                   "Output channels of each convolution.", DM_FIELD(experiment.model.channels)),
      integers_key("model.kernel",
                   {.item = {1, 15},
                    .parity = Parity::odd,
                    .form = ListForm::list_or_single,
                    .max_items = kMaxConvLayers},
                   "Filter height and width, for all convolutions or for each.",
                   DM_FIELD(experiment.model.kernel)),
      integers_key("model.pool",
                   {.item = {1, 15}, .form = ListForm::list_or_single, .max_items = kMaxConvLayers},
                   "Max-pool window and stride, for all convolutions or for each; 1: none.",
                   DM_FIELD(experiment.model.pool)),
      choice_key<NormLayer>("model.norm", {{NormLayer::none, "none"}}, "Normalisation layer.",
                            DM_FIELD(experiment.model.norm)),
      choice_key<Head>("model.head",
                       {{Head::own_layer, "own_layer"}, {Head::with_last_conv, "with_last_conv"}},
                       "Whether the classifier is a layer of its own when layers are drawn.",
                       DM_FIELD(experiment.model.head)),
      choice_key<HeadInput>(
          "model.head_input",
          {{HeadInput::flatten, "flatten"}, {HeadInput::average_pool, "average_pool"}},
          "How the last feature maps reach the classifier.", DM_FIELD(experiment.model.head_input)),
  };
}

std::vector<ConfigKey> optimizer_keys() {
  std::vector<ConfigKey> keys = {
      choice_key<OptimizerType>("optimizer.type",
                                {{OptimizerType::muon, "muon"},
                                 {OptimizerType::sgd, "sgd"},
                                 {OptimizerType::adamw, "adamw"}},
                                "The update rule.", DM_FIELD(experiment.optimizer.type)),
      number_key("optimizer.lr", positive(), "Learning rate before the schedule's factor.",
                 DM_FIELD(experiment.optimizer.lr)),
      number_key(
          "optimizer.momentum", decay(),
          "Weight mu of the OLD momentum M (1 - the paper's beta). muon: M <- mu M + (1 - mu) g; "
          "sgd: M <- mu M + g.",
          DM_FIELD(experiment.optimizer.momentum)),
      flag_key("optimizer.nesterov", "muon, sgd: look ahead along the momentum.",
               DM_FIELD(experiment.optimizer.nesterov)),
      number_key("optimizer.weight_decay", not_negative(),
                 "Pull towards 0; sgd adds it to the gradient, the others to the step.",
                 DM_FIELD(experiment.optimizer.weight_decay)),
  };
  for (ConfigKey& key : muon_keys()) keys.push_back(std::move(key));
  keys.push_back(number_key("optimizer.beta1", decay(), "adamw: weight of the old mean.",
                            DM_FIELD(experiment.optimizer.beta1)));
  keys.push_back(number_key("optimizer.beta2", decay(), "adamw: weight of the old mean square.",
                            DM_FIELD(experiment.optimizer.beta2)));
  keys.push_back(number_key("optimizer.epsilon", positive(), "adamw: added to the divisor.",
                            DM_FIELD(experiment.optimizer.epsilon)));
  return keys;
}

std::vector<ConfigKey> sampling_keys() {
  return {
      choice_key<SamplingScheme>("sampling.scheme",
                                 {{SamplingScheme::full, "full"},
                                  {SamplingScheme::uniform, "uniform"},
                                  {SamplingScheme::weights, "weights"},
                                  {SamplingScheme::epoch_shift, "epoch_shift"},
                                  {SamplingScheme::tau_nice, "tau_nice"},
                                  {SamplingScheme::cyclic, "cyclic"},
                                  {SamplingScheme::bernoulli, "bernoulli"}},
                                 "full: all layers, every step; uniform: a random suffix of them.",
                                 DM_FIELD(experiment.sampling.scheme)),
      flag_key("sampling.truncate",
               "Stop backpropagation at the first drawn layer; false: only mask the update.",
               DM_FIELD(experiment.sampling.truncate)),
      weights_key(),
      number_key("sampling.alpha",
                 {"from 0 to 10000", [](double x) { return x >= 0.0 && x <= 1e4; }},
                 "epoch_shift: how strongly it prefers early, later late layers; 0: uniform.",
                 DM_FIELD(experiment.sampling.alpha)),
      integer_key("sampling.tau", {1, ActiveSet::kMaxDepth}, "tau_nice: layers per step.",
                  DM_FIELD(experiment.sampling.tau)),
      number_key("sampling.probability", probability(), "bernoulli: chance of each layer.",
                 DM_FIELD(experiment.sampling.probability)),
      choice_key<ScheduleType>("schedule.type",
                               {{ScheduleType::constant, "constant"},
                                {ScheduleType::linear, "linear"},
                                {ScheduleType::cosine, "cosine"}},
                               "Shape of the factor after warm-up.",
                               DM_FIELD(experiment.schedule.type)),
      integer_key("schedule.warmup_steps", {0, 1'000'000'000},
                  "Steps over which the factor first rises to 1.",
                  DM_FIELD(experiment.schedule.warmup_steps)),
      number_key("schedule.final_fraction", fraction(),
                 "linear, cosine: the factor at the last step.",
                 DM_FIELD(experiment.schedule.final_fraction)),
  };
}

}  // namespace dropmuon
