// SPDX-License-Identifier: MIT
#include <algorithm>
#include <chrono>

#include <nlohmann/json.hpp>
#include <sys/resource.h>

#include <dropmuon/core/error.h>
#include <dropmuon/core/random.h>
#include <dropmuon/core/run_clock.h>
#include <dropmuon/core/seconds_since.h>
#include <dropmuon/core/statistics.h>
#include <dropmuon/core/text.h>
#include <dropmuon/runner/bench.h>
#include <dropmuon/training/step.h>

namespace dropmuon {
namespace {

using Clock = RunClock;

Dataset random_dataset(const DatasetInfo& info, int count) {
  Dataset data;
  data.image = info.image;
  data.classes = info.classes;
  Random random(0, Purpose::synthetic_data, 0);
  data.train.images.resize(static_cast<std::size_t>(count) * info.image.size());
  for (auto& pixel : data.train.images) pixel = static_cast<std::uint8_t>(random.below(256));
  data.train.labels.resize(static_cast<std::size_t>(count));
  for (auto& label : data.train.labels) {
    label = static_cast<std::uint8_t>(random.below(static_cast<std::uint32_t>(info.classes)));
  }
  data.mean.assign(static_cast<std::size_t>(info.image.channels), 0.5F);
  data.inverse_std.assign(static_cast<std::size_t>(info.image.channels), 3.5F);
  return data;
}

// One batch of random pixels and labels, shuffled and augmented as in training: timing does not
// depend on what the images show.
class RandomBatches final : public BatchSource {
 public:
  RandomBatches(Backend& backend, const Experiment& experiment, const Dataset& data)
      : split_(backend, data, data.train),
        batcher_(backend, data.train.count(), data.train.count(), experiment.augment,
                 experiment.seed),
        batches_(split_, batcher_) {}
  int batch_size() const override { return batches_.batch_size(); }
  void next(std::int64_t index) override { batches_.next(index); }
  void load(int offset, int n, float* x, std::uint8_t* y) override {
    batches_.load(offset, n, x, y);
  }

 private:
  DeviceSplit split_;
  Batcher batcher_;
  SplitBatches batches_;
};

// Newton-Schulz on every filter and matrix of the network, as a full Muon step does it.
class OrthogonalizeTimer {
 public:
  OrthogonalizeTimer(Backend& backend, Network& network, const OptimizerOptions& options)
      : backend_(backend), method_(make_newton_schulz(options.newton_schulz)) {
    for (const Param& param : network.params()) {
      if (options.type != OptimizerType::muon) continue;
      if (options.lmo.of(param.kind) != Norm::spectral) continue;
      outputs_.emplace_back(backend, param.size());
      items_.push_back({param.rows(), param.cols(), param.value, outputs_.back().data()});
    }
    if (used()) backend_.prepare_orthogonalize(items_, method_);
  }
  bool used() const { return !items_.empty(); }
  double run() {
    const Clock::time_point start = Clock::now();
    backend_.orthogonalize(items_, method_);
    backend_.synchronize();
    return seconds_since(start);
  }

 private:
  Backend& backend_;
  NewtonSchulz method_;
  std::vector<Buffer<float>> outputs_;
  std::vector<DirectionItem> items_;
};

// Runs step after step on the one batch, each with the suffix that begins at `first`.
class Stepper {
 public:
  Stepper(Step& step, double learning_rate) : step_(step), learning_rate_(learning_rate) {}
  void run(int first) {
    const ActiveSet active = ActiveSet::suffix(first, step_.network().depth());
    step_.run(index_++, {.active = active, .computed = active, .learning_rate = learning_rate_});
  }

 private:
  Step& step_;
  double learning_rate_;
  std::int64_t index_ = 0;
};

void time_step(Stepper& stepper, Backend& backend, int first, BenchStart& start, double rounds) {
  backend.phase_seconds();  // forget what came before
  const Clock::time_point begin = Clock::now();
  stepper.run(first);
  backend.synchronize();
  start.seconds.push_back(seconds_since(begin));
  const PhaseSeconds phases = backend.phase_seconds();
  start.forward_seconds += phases.forward / rounds;
  start.backward_seconds += phases.backward / rounds;
  start.optimizer_seconds += phases.optimizer / rounds;
}

// Suffix schemes whose start does not depend on the epoch.
std::vector<BenchScheme> scheme_speeds(const BenchResult& result) {
  const int depth = static_cast<int>(result.starts.size());
  const double full = median(result.starts.front().seconds);
  std::vector<BenchScheme> schemes;
  for (const auto& [name, scheme] : {std::pair{"full", SamplingScheme::full},
                                     {"uniform", SamplingScheme::uniform},
                                     {"cyclic", SamplingScheme::cyclic}}) {
    const auto sampler = make_layer_sampler({.scheme = scheme}, depth, 0);
    const std::vector<double> p = sampler->start_probabilities({});
    double mean = 0.0;
    for (std::size_t s = 0; s < p.size(); ++s) mean += p[s] * median(result.starts[s].seconds);
    schemes.push_back({name, mean, full / mean});
  }
  return schemes;
}

double peak_memory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return 1024.0 * static_cast<double>(usage.ru_maxrss);
}

}  // namespace

BenchResult run_bench(const RunConfig& config, const BenchOptions& options) {
  const DatasetInfo info = dataset_info(config.experiment.data);
  require_a_batch(config.experiment.train.batch_size, info);
  const std::unique_ptr<Backend> backend = make_backend(config.device);
  const Experiment& experiment = config.experiment;
  const int batch = experiment.train.batch_size;
  const std::unique_ptr<Step> step = make_step(
      *backend, experiment, {info.image, info.classes},
      std::make_unique<RandomBatches>(*backend, experiment, random_dataset(info, batch)), {});
  Network& network = step->network();
  const int depth = network.depth();
  make_layer_sampler(experiment.sampling, depth, experiment.seed);  // refuses what training would
  OrthogonalizeTimer orthogonalize(*backend, network, experiment.optimizer);

  const DeviceInfo device = backend->info();
  BenchResult result{.device = describe(device),
                     .precision = device.precision,
                     .graphs = device.graphs,
                     .dataset = experiment.data.dataset,
                     .image = info.image,
                     .assumption = info.source == InfoSource::assumed ? to_text(info) : "",
                     .channels = experiment.model.channels,
                     .batch_size = batch,
                     .micro_batch = step->micro_batch()};
  result.starts.resize(static_cast<std::size_t>(depth));
  for (int s = 0; s < depth; ++s) {
    BenchStart& start = result.starts[static_cast<std::size_t>(s)];
    const ActiveSet set = ActiveSet::suffix(s, depth);
    start.flops = step_flops_per_image(network.costs(), set) * batch;
    start.computed_flops = computed_flops_per_image(network.costs(), set) * batch;
  }
  Stepper stepper(*step, experiment.optimizer.lr);
  for (int i = 0; i < options.warmup_steps; ++i) stepper.run(0);
  for (int s = 0; s < depth; ++s) stepper.run(s);  // recorded
  if (orthogonalize.used()) orthogonalize.run();
  result.peak_flops = backend->measure_peak_flops();
  for (int round = 0; round < options.rounds; ++round) {
    for (int s = 0; s < depth; ++s) {
      time_step(stepper, *backend, s, result.starts[static_cast<std::size_t>(s)], options.rounds);
    }
    if (orthogonalize.used()) result.orthogonalize_seconds.push_back(orthogonalize.run());
  }
  result.peak_flops = std::max(result.peak_flops, backend->measure_peak_flops());
  result.schemes = scheme_speeds(result);
  result.recordings = backend->recording_counts();
  if (device.memory_bytes > 0) {
    result.device_memory_bytes = static_cast<double>(backend->allocated_bytes());
  }
  result.peak_memory_bytes = peak_memory();
  return result;
}

std::string to_text(const BenchResult& result) {
  std::string out = fmt::format(
      "{}\nimages of {}x{}x{}, batch {}, micro-batch {}, fp32 FMA peak {:.0f} GFLOP/s\n\n",
      result.device, result.image.height, result.image.width, result.image.channels,
      result.batch_size, result.micro_batch, result.peak_flops / 1e9);
  if (!result.assumption.empty()) out.insert(out.size() - 1, result.assumption + "\n");
  out +=
      "start   GFLOP  computed   step ms (min .. max)        GFLOP/s  of peak  computed  time share"
      "  FLOP share  forward  backward  optimizer ms\n";
  const BenchStart& full = result.starts.front();
  const double full_seconds = median(full.seconds);
  for (std::size_t s = 0; s < result.starts.size(); ++s) {
    const BenchStart& start = result.starts[s];
    const double seconds = median(start.seconds);
    const auto [low, high] = std::minmax_element(start.seconds.begin(), start.seconds.end());
    const double of_peak = 100.0 / (seconds * result.peak_flops);
    out += fmt::format(
        "{:>5} {:>7.1f}  {:>8.1f}  {:>8.2f} ({:>7.2f} .. {:>7.2f}) {:>8.0f}  {:>6.1f}%  {:>7.1f}%"
        "  {:>10.3f}  {:>10.3f}  {:>7.1f}  {:>8.1f}  {:>9.2f}\n",
        s + 1, start.flops / 1e9, start.computed_flops / 1e9, 1e3 * seconds, 1e3 * *low,
        1e3 * *high, start.flops / seconds / 1e9, of_peak * start.flops,
        of_peak * start.computed_flops, seconds / full_seconds, start.flops / full.flops,
        1e3 * start.forward_seconds, 1e3 * start.backward_seconds, 1e3 * start.optimizer_seconds);
  }
  for (const BenchScheme& scheme : result.schemes) {
    out += fmt::format("\n{:<8} {:>8.2f} ms a step on average, {:.3f} times as fast as full",
                       scheme.name, 1e3 * scheme.seconds, scheme.speed_up);
  }
  if (!result.orthogonalize_seconds.empty()) {
    const double newton_schulz = median(result.orthogonalize_seconds);
    out += fmt::format("\n\nNewton-Schulz of a full step: {:.2f} ms, {:.2f} % of it",
                       1e3 * newton_schulz, 100.0 * newton_schulz / full_seconds);
  }
  out += fmt::format("\npeak memory: {}\n", human_bytes(result.peak_memory_bytes));
  if (result.device_memory_bytes > 0.0) {
    out += fmt::format("device memory: {}\n", human_bytes(result.device_memory_bytes));
    const RecordingCounts& steps = result.recordings;
    out += fmt::format("steps: {} recorded, {} replayed, {} evicted\n", steps.recorded,
                       steps.replayed, steps.evicted);
  }
  return out;
}

std::string to_json(const BenchResult& result) {
  nlohmann::ordered_json json;
  json["device"] = result.device;
  json["precision"] = result.precision;
  json["graphs"] = result.graphs;
  json["dataset"] = result.dataset;
  json["image"] = {result.image.height, result.image.width, result.image.channels};
  json["assumed"] = !result.assumption.empty();
  json["channels"] = result.channels;
  json["batch_size"] = result.batch_size;
  json["micro_batch"] = result.micro_batch;
  json["peak_flops"] = result.peak_flops;
  json["step_seconds"] = result.starts.front().seconds;
  json["orthogonalize_seconds"] = result.orthogonalize_seconds;
  for (const BenchStart& start : result.starts) {
    json["starts"].push_back({{"flops", start.flops},
                              {"computed_flops", start.computed_flops},
                              {"seconds", start.seconds},
                              {"forward_seconds", start.forward_seconds},
                              {"backward_seconds", start.backward_seconds},
                              {"optimizer_seconds", start.optimizer_seconds}});
  }
  for (const BenchScheme& scheme : result.schemes) {
    json["schemes"].push_back(
        {{"name", scheme.name}, {"seconds", scheme.seconds}, {"speed_up", scheme.speed_up}});
  }
  json["peak_memory_bytes"] = result.peak_memory_bytes;
  json["device_memory_bytes"] = result.device_memory_bytes;
  json["recordings"] = {{"recorded", result.recordings.recorded},
                        {"replayed", result.recordings.replayed},
                        {"evicted", result.recordings.evicted}};
  return json.dump(2) + "\n";
}

}  // namespace dropmuon
