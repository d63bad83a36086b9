// SPDX-License-Identifier: MIT
#include <algorithm>
#include <chrono>

#include <nlohmann/json.hpp>
#include <sys/resource.h>

#include <dropmuon/core/error.h>
#include <dropmuon/core/random.h>
#include <dropmuon/core/run_clock.h>
#include <dropmuon/core/text.h>
#include <dropmuon/runner/bench.h>
#include <dropmuon/training/trainer.h>

namespace dropmuon {
namespace {

using Clock = RunClock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Random pixels and labels: timing does not depend on what the images show.
Dataset random_dataset(const DatasetInfo& info, int count) {
  Dataset data;
  data.image = info.image;
  data.classes = info.classes;
  Random random(0, Purpose::synthetic_data, 0);
  for (Split* split : {&data.train, &data.test}) {
    const int images = split == &data.train ? count : 1;
    split->images.resize(static_cast<std::size_t>(images) * info.image.size());
    for (auto& pixel : split->images) pixel = static_cast<std::uint8_t>(random.below(256));
    split->labels.resize(static_cast<std::size_t>(images));
    for (auto& label : split->labels) {
      label = static_cast<std::uint8_t>(random.below(static_cast<std::uint32_t>(info.classes)));
    }
  }
  data.mean.assign(static_cast<std::size_t>(info.image.channels), 0.5F);
  data.inverse_std.assign(static_cast<std::size_t>(info.image.channels), 3.5F);
  return data;
}

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

void time_step(Trainer& trainer, Backend& backend, std::int64_t index, int first, BenchStart& start,
               double rounds) {
  const ActiveSet active = ActiveSet::suffix(first, trainer.network().depth());
  backend.phase_seconds();  // forget what came before
  const Clock::time_point begin = Clock::now();
  trainer.step(index, active);
  backend.synchronize();
  start.seconds.push_back(seconds_since(begin));
  const PhaseSeconds phases = backend.phase_seconds();
  start.forward_seconds += phases.forward / rounds;
  start.backward_seconds += phases.backward / rounds;
  start.optimizer_seconds += phases.optimizer / rounds;
}

double median(std::vector<double> values) {
  if (values.empty()) return 0.0;
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : 0.5 * (values[middle - 1] + values[middle]);
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
  Experiment experiment = config.experiment;
  experiment.sampling.truncate = Truncate::yes;
  const int batch = experiment.train.batch_size;
  Trainer trainer(*backend, experiment, random_dataset(info, batch));
  const int depth = trainer.network().depth();
  OrthogonalizeTimer orthogonalize(*backend, trainer.network(), experiment.optimizer);

  const DeviceInfo device = backend->info();
  BenchResult result{.device = describe(device),
                     .precision = device.precision,
                     .graphs = device.graphs,
                     .dataset = experiment.data.dataset,
                     .image = info.image,
                     .assumption = info.source == InfoSource::assumed ? to_text(info) : "",
                     .channels = experiment.model.channels,
                     .batch_size = batch,
                     .micro_batch = trainer.micro_batch()};
  result.starts.resize(static_cast<std::size_t>(depth));
  for (int s = 0; s < depth; ++s) {
    BenchStart& start = result.starts[static_cast<std::size_t>(s)];
    const ActiveSet set = ActiveSet::suffix(s, depth);
    start.flops = step_flops_per_image(trainer.network().costs(), set) * batch;
    start.computed_flops = computed_flops_per_image(trainer.network().costs(), set) * batch;
  }
  std::int64_t index = 0;
  for (int i = 0; i < options.warmup_steps; ++i) trainer.step(index++, ActiveSet::all(depth));
  for (int s = 0; s < depth; ++s) trainer.step(index++, ActiveSet::suffix(s, depth));  // recorded
  if (orthogonalize.used()) orthogonalize.run();
  result.peak_flops = backend->measure_peak_flops();
  for (int round = 0; round < options.rounds; ++round) {
    for (int s = 0; s < depth; ++s) {
      time_step(trainer, *backend, index++, s, result.starts[static_cast<std::size_t>(s)],
                options.rounds);
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
