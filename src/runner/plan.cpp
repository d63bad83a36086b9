// SPDX-License-Identifier: MIT
#include <algorithm>
#include <fstream>

#include <unistd.h>

#include <dropmuon/core/error.h>
#include <dropmuon/runner/plan.h>
#include <dropmuon/training/micro_batch.h>
#include <dropmuon/training/trainer.h>

namespace dropmuon {
namespace {

double resident_bytes() {
  std::ifstream file("/proc/self/statm");
  double total = 0.0;
  double resident = 0.0;
  file >> total >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

std::vector<PlannedLayer> plan_layers(Network& network) {
  std::vector<PlannedLayer> layers;
  for (int i = 0; i < network.depth(); ++i) {
    Layer& layer = network.layer(i);
    std::size_t parameters = 0;
    for (const Param& param : layer.params()) parameters += param.size();
    layers.push_back({layer.output_shape().text(), parameters, layer.cost()});
  }
  return layers;
}

std::vector<PlannedStart> plan_starts(const std::vector<LayerCost>& costs) {
  const int depth = static_cast<int>(costs.size());
  const double full = step_flops_per_image(costs, ActiveSet::all(depth));
  std::vector<PlannedStart> starts;
  for (int s = 0; s < depth; ++s) {
    const ActiveSet set = ActiveSet::suffix(s, depth);
    const double flops = step_flops_per_image(costs, set);
    starts.push_back({flops, flops / full, saved_bytes_per_image(costs, set)});
  }
  return starts;
}

// Mean over a run. Exact for suffix schemes, whose start may depend on the epoch; other schemes are
// averaged over draws, because layers above the first that are not drawn skip their filter
// gradient.
double mean_flops(const SamplingOptions& options, const std::vector<LayerCost>& costs,
                  const StepInfo& run) {
  const int depth = static_cast<int>(costs.size());
  if (options.truncate == Truncate::no) return step_flops_per_image(costs, ActiveSet::all(depth));
  const auto sampler = make_layer_sampler(options, depth, 0);
  double sum = 0.0;
  if (options.scheme == SamplingScheme::tau_nice || options.scheme == SamplingScheme::bernoulli) {
    constexpr int kDraws = 4000;
    StepInfo at = run;
    for (at.step = 0; at.step < kDraws; ++at.step) {
      sum += step_flops_per_image(costs, sampler->draw(at));
    }
    return sum / kDraws;
  }
  StepInfo at = run;
  for (at.step = 0; at.step < run.total_steps; at.step += run.steps_per_epoch) {
    const std::vector<double> p = sampler->start_probabilities(at);
    const auto steps = std::min(run.steps_per_epoch, run.total_steps - at.step);
    for (int s = 0; s < depth; ++s) {
      sum += static_cast<double>(steps) * p[static_cast<std::size_t>(s)] *
             step_flops_per_image(costs, ActiveSet::suffix(s, depth));
    }
  }
  return sum / static_cast<double>(run.total_steps);
}

std::vector<PlannedScheme> plan_schemes(const SamplingOptions& configured,
                                        const std::vector<LayerCost>& costs, const StepInfo& info) {
  const int depth = static_cast<int>(costs.size());
  const double full = step_flops_per_image(costs, ActiveSet::all(depth));
  std::vector<PlannedScheme> schemes;
  const auto add = [&](const std::string& name, const SamplingOptions& options) {
    const double mean = mean_flops(options, costs, info);
    schemes.push_back({name, mean, full / mean});
  };
  add("as configured", configured);
  add("full", {.scheme = SamplingScheme::full});
  add("uniform", {.scheme = SamplingScheme::uniform});
  add("epoch_shift alpha 0.5", {.scheme = SamplingScheme::epoch_shift, .alpha = 0.5});
  for (int tau = 1; tau <= std::min(3, depth); ++tau) {
    add(fmt::format("tau_nice tau {}", tau), {.scheme = SamplingScheme::tau_nice, .tau = tau});
  }
  add("cyclic", {.scheme = SamplingScheme::cyclic});
  add("bernoulli q 0.5", {.scheme = SamplingScheme::bernoulli, .probability = 0.5});
  return schemes;
}

// What a device with memory of its own will hold, or the process at its peak, on top of what is
// resident now: either while the data set moves to the device, when the training images exist
// twice, or in training.
double predict_peak(const Backend& backend, const Network& network, const DatasetInfo& info) {
  double filters = 0.0;
  for (const LayerCost& cost : network.costs()) filters += cost.filter_bytes;
  const auto bytes = [&](int images) {
    return static_cast<double>(info.image.size()) * static_cast<double>(images);
  };
  constexpr double kPackedCopies = 4.0;  // forward, backward, gradient sum, one term
  const double resident_set = bytes(info.train_count) + bytes(info.test_count);
  if (backend.info().memory_bytes > 0) {
    return resident_set + static_cast<double>(backend.allocated_bytes());
  }
  const double loading = resident_set + bytes(info.train_count);
  const double training =
      resident_set + static_cast<double>(backend.allocated_bytes()) + kPackedCopies * filters;
  return resident_bytes() + std::max(loading, training);
}

}  // namespace

Plan make_plan(const RunConfig& config) {
  const Experiment& e = config.experiment;
  const DatasetInfo info = dataset_info(e.data);
  require_a_batch(e.train.batch_size, info);
  const std::unique_ptr<Backend> backend = make_backend(config.device);
  const auto network = build_network(e.model, {info.image, info.classes}, *backend);
  const auto optimizer = make_optimizer(e.optimizer, *backend, network->params(), network->depth());

  Plan plan{.data = info};
  plan.layers = plan_layers(*network);
  const std::vector<LayerCost> costs = network->costs();
  plan.starts = plan_starts(costs);
  plan.batch_size = e.train.batch_size;
  plan.steps_per_epoch = steps_per_epoch(e.train, info.train_count);
  plan.total_steps = training_steps(e.train, info.train_count);
  plan.schemes =
      plan_schemes(e.sampling, costs,
                   {.total_steps = plan.total_steps, .steps_per_epoch = plan.steps_per_epoch});
  plan.total_flops =
      plan.schemes.front().mean_flops * static_cast<double>(plan.total_steps) * plan.batch_size;
  plan.micro_batch = choose_micro_batch(e.train.micro_batch, plan.batch_size,
                                        busiest_layer_bytes(*network), backend->info().cache_bytes);
  for (const PlannedLayer& layer : plan.layers) plan.parameters += layer.parameters;
  const int sizes[] = {plan.micro_batch};
  network->prepare(sizes);
  plan.device = describe(backend->info());
  plan.peak_bytes = predict_peak(*backend, *network, info);
  return plan;
}

}  // namespace dropmuon
