// SPDX-License-Identifier: MIT
// What is said about each layer, against sums over its weights in double on the host.
#include <algorithm>
#include <cmath>
#include <functional>

#include "catch.h"
#include "small_run.h"
#include <dropmuon/training/layer_watch.h>

using namespace dropmuon;

namespace {

// Logs every row and keeps every state.
struct Watched {
  std::vector<NamedTensor> initial;
  Recorder recorder;
  TrainResult result;

  // Of the rows that tell about layers: those of the log.
  std::vector<MetricsRow> rows() const {
    std::vector<MetricsRow> found;
    for (const MetricsRow& row : recorder.rows) {
      if (!row.layers.empty()) found.push_back(row);
    }
    return found;
  }
  const std::vector<NamedTensor>& weights(std::size_t step) const {
    return step == 0 ? initial : recorder.checkpoints[step - 1].weights;
  }
};

Watched watch(Experiment experiment, const std::function<void(Trainer&, Backend&)>& before = {}) {
  experiment.data.train_limit = 96;
  experiment.train.batch_size = 32;
  experiment.train.log_every_steps = 1;
  experiment.train.eval_every_epochs.reset();
  const auto backend = test_backend();
  Trainer trainer(*backend, experiment, small_dataset(experiment));
  if (before) before(trainer, *backend);
  Watched run;
  run.initial = trainer.checkpoint().weights;
  run.recorder.every_step = true;
  run.result = trainer.run(run.recorder);
  return run;
}

// In the names of parameters layers are counted from 0.
bool is_weight_of(const NamedTensor& tensor, std::size_t layer) {
  return tensor.name.starts_with(fmt::format("layers.{}.", layer)) &&
         tensor.name.ends_with("weight");
}

struct Sums {
  double change = 0.0;
  double weights = 0.0;
};

Sums sums_of(const Watched& run, std::size_t step, std::size_t layer) {
  Sums sums;
  const auto& before = run.weights(step - 1);
  const auto& after = run.weights(step);
  for (std::size_t t = 0; t < after.size(); ++t) {
    if (!is_weight_of(after[t], layer)) continue;
    for (std::size_t i = 0; i < after[t].values.size(); ++i) {
      const double w = after[t].values[i];
      sums.change += std::pow(w - before[t].values[i], 2);
      sums.weights += w * w;
    }
  }
  return sums;
}

std::vector<OptimizerOptions> all_kinds() {
  std::vector<OptimizerOptions> kinds(5);
  for (OptimizerOptions& options : kinds) options.lr = 0.01;
  kinds[1].step = StepMode::sharp;
  kinds[1].weight_decay = 0.3;
  kinds[2].type = OptimizerType::sgd;
  kinds[2].weight_decay = 0.1;
  kinds[3].type = OptimizerType::adamw;
  kinds[4].type = OptimizerType::adamw;
  kinds[4].weight_decay = 0.5;
  return kinds;
}

std::int64_t whole(double value) { return std::llround(value); }

// Sets all biases of a conv layer of its own so low that its ReLU lets nothing through.
void silence(Trainer& trainer, Backend& backend, int layer, float bias = -1e4F) {
  for (const Param& param : trainer.network().params()) {
    if (param.layer != layer || param.kind != ParamKind::vector) continue;
    const std::vector<float> values(param.size(), bias);
    backend.upload(param.value, values.data(), values.size() * sizeof(float));
    break;  // a group's first part
  }
}

}  // namespace

TEST_CASE("a layer's update ratio is that of its weights before and after its latest move") {
  for (const OptimizerOptions& optimizer : all_kinds()) {
    for (const Head head : {Head::own_layer, Head::with_last_conv}) {
      Experiment experiment = small_experiment();
      experiment.optimizer = optimizer;
      experiment.model.head = head;
      experiment.sampling = {.scheme = SamplingScheme::tau_nice, .tau = 2};
      experiment.train.max_steps = 6;
      const Watched run = watch(experiment);
      const std::vector<MetricsRow> rows = run.rows();
      REQUIRE(rows.size() == 6);
      const std::size_t depth = rows[0].layers.size();
      REQUIRE(depth == (head == Head::own_layer ? 4 : 3));
      std::vector<double> latest(depth, -1.0);
      std::vector<std::int64_t> updates(depth, 0), moved(depth, -1);
      for (std::size_t step = 1; step <= rows.size(); ++step) {
        for (std::size_t layer = 0; layer < depth; ++layer) {
          CAPTURE(static_cast<int>(optimizer.type), optimizer.weight_decay, step, layer);
          const Sums sums = sums_of(run, step, layer);
          if (sums.change > 0.0) {
            latest[layer] = std::sqrt(sums.change / sums.weights);
            moved[layer] = static_cast<std::int64_t>(step);
            ++updates[layer];
          }
          const LayerMetrics& found = rows[step - 1].layers[layer];
          CHECK(found.updates == updates[layer]);
          REQUIRE(found.update_ratio.has_value() == (updates[layer] > 0));
          REQUIRE(found.steps_since_update.has_value() == (updates[layer] > 0));
          if (updates[layer] == 0) continue;
          CHECK(*found.update_ratio == Approx(latest[layer]).epsilon(3e-7));
          CHECK(*found.steps_since_update == whole(rows[step - 1][Metric::step]) - moved[layer]);
        }
      }
    }
  }
}

TEST_CASE("updates of a layer are the steps that began at it or before, also in rows between") {
  Experiment experiment = small_experiment();
  experiment.sampling.scheme = SamplingScheme::uniform;
  const Finished run = run_small(experiment);
  REQUIRE(run.result.layers.size() == 4);
  std::int64_t begun = 0;
  for (std::size_t layer = 0; layer < 4; ++layer) {
    begun += run.result.start_counts[layer];
    CHECK(run.result.layers[layer].updates == begun);
  }
  CHECK(run.result.layers[3].updates == run.result.steps);
  CHECK(run.result.unmoved_layers.empty());
  CHECK(run.result.silent_layers.empty());
  for (const MetricsRow& row : run.rows) {
    CHECK(row.layers.empty() == row.has(Metric::test_accuracy));  // log rows only
  }
}

TEST_CASE("a layer that is never drawn, and one whose updates change nothing, never moved") {
  Experiment experiment = small_experiment();
  experiment.train.max_steps = 5;
  experiment.sampling = {.scheme = SamplingScheme::weights, .weights = {0.0, 0.0, 1.0, 0.0}};
  const Watched frozen = watch(experiment);
  CHECK(frozen.result.unmoved_layers == std::vector<int>{1, 2});
  for (const std::size_t layer : {0U, 1U}) {
    CHECK(frozen.result.layers[layer].updates == 0);
    CHECK_FALSE(frozen.result.layers[layer].update_ratio.has_value());
    CHECK_FALSE(frozen.result.layers[layer].steps_since_update.has_value());
  }
  // Drawn, but too little to change a bit of weights that are not zero; the biases are.
  experiment.sampling.scheme = SamplingScheme::full;
  experiment.optimizer = {.type = OptimizerType::sgd, .lr = 1e-30};
  const Watched tiny = watch(experiment);
  CHECK(tiny.result.unmoved_layers.empty());  // biases of 1e-30
  CHECK(tiny.result.bias_only_layers == std::vector<int>{1, 2, 3, 4});
  CHECK(frozen.result.bias_only_layers.empty());
  CHECK(tiny.result.layers[1].update_ratio == 0.0);
  CHECK(tiny.result.layers[1].updates == 5);
}

TEST_CASE("moves are seen that are too small for a square in single precision") {
  const auto backend = test_backend();
  for (const float direction : {1e-30F, 1e-44F}) {
    const auto value = to_device(*backend, std::vector<float>{0.0F, 0.0F});
    const auto unit = to_device(*backend, std::vector<float>{direction, 0.0F});
    const auto rate = to_device(*backend, std::vector<float>{1.0F});
    const auto change = to_device(*backend, std::vector<Change>{{}});
    const std::vector<UpdateItem> items = {{.size = 2,
                                            .value = value.data(),
                                            .direction = unit.data(),
                                            .learning_rate = rate.data(),
                                            .change = change.data()}};
    backend->apply_update(items);
    CHECK(to_host(change)[0].last == direction);
    CHECK(to_host(change)[0].total == direction);
  }
}

TEST_CASE("layers that put out nothing but zeros are found, and what they starve") {
  Experiment experiment = small_experiment();
  experiment.train.max_steps = 3;
  experiment.sampling.scheme = SamplingScheme::full;
  experiment.optimizer = {.type = OptimizerType::sgd, .lr = 0.01};
  const Watched run =
      watch(experiment, [](Trainer& trainer, Backend& backend) { silence(trainer, backend, 1); });
  CHECK(run.result.silent_layers == std::vector<int>{2, 3});      // 3: nothing in, no bias
  CHECK(run.result.unmoved_layers == std::vector<int>{1, 2, 3});  // drawn, but without gradients
  CHECK(run.result.layers[0].updates == 3);

  // Biases that let something through behind it: the classifier's are logits, which are not judged.
  experiment.model.channels = {4};
  const Watched shallow =
      watch(experiment, [](Trainer& trainer, Backend& backend) { silence(trainer, backend, 0); });
  CHECK(shallow.result.silent_layers == std::vector<int>{1});
  CHECK(shallow.result.unmoved_layers == std::vector<int>{1});
  // Within a group that moves together.
  experiment.model.head = Head::with_last_conv;
  experiment.model.channels = {4, 5};
  const Watched grouped =
      watch(experiment, [](Trainer& trainer, Backend& backend) { silence(trainer, backend, 1); });
  CHECK(grouped.result.silent_layers == std::vector<int>{2});
}

TEST_CASE("one image that gets through is enough, and infinity is not silence") {
  Experiment experiment = small_experiment();
  const auto backend = test_backend();
  Trainer trainer(*backend, experiment, small_dataset(experiment));
  Network& network = trainer.network();
  const auto optimizer =
      make_optimizer(experiment.optimizer, *backend, network.params(), network.depth());
  LayerWatch watch(*backend, network, *optimizer);
  Dataset dark = small_dataset(experiment);
  dark.mean = {0.0F};
  dark.inverse_std = {1.0F};
  std::fill(dark.test.images.begin(), dark.test.images.end(), std::uint8_t{0});
  Dataset lit = dark;  // the last image is white
  std::fill_n(lit.test.images.rbegin(), lit.image.size(), std::uint8_t{255});
  const auto silent = [&](const Dataset& set) {
    DeviceSplit split(*backend, set, set.test);
    Evaluator evaluator(*backend, split, evaluation_sample(split.count(), split.count(), 1),
                        trainer.micro_batch());
    network.params_changed(ActiveSet::all(network.depth()));
    return watch.silent(evaluator);
  };
  // Every weight of the first layer 1, and a bias that only a white image overcomes.
  Param& filter = network.params()[0];
  const std::vector<float> ones(filter.size(), 1.0F);
  backend->upload(filter.value, ones.data(), ones.size() * sizeof(float));
  silence(trainer, *backend, 0, -6.0F);
  CHECK(silent(dark).front() == 1);
  const std::vector<int> found = silent(lit);
  CHECK((found.empty() || found.front() != 1));

  silence(trainer, *backend, 0, INFINITY);
  CHECK(silent(lit).empty());
}

TEST_CASE("a run that is stopped is not judged by what it puts out") {
  Experiment experiment = small_experiment();
  const auto backend = test_backend();
  Trainer trainer(*backend, experiment, small_dataset(experiment));
  silence(trainer, *backend, 0);
  Recorder recorder(1);
  const TrainResult result = trainer.run(recorder);
  CHECK(result.status == TrainStatus::stopped);
  CHECK(result.silent_layers.empty());
}
