// SPDX-License-Identifier: MIT
#include <nlohmann/json.hpp>

#include <dropmuon/core/error.h>
#include <dropmuon/core/text.h>
#include <dropmuon/runner/plan.h>

namespace dropmuon {

std::string to_text(const Plan& plan) {
  std::string out =
      "layer  output             parameters  forward   filter grad  data grad MFLOP  saved B"
      "   (per image)\n";
  for (std::size_t i = 0; i < plan.layers.size(); ++i) {
    const PlannedLayer& layer = plan.layers[i];
    const double data = layer.cost.data_gradient_flops + layer.cost.inner_data_gradient_flops;
    out += fmt::format("{:>5}  {:<17}  {:>10}  {:>7.2f}  {:>12.2f}  {:>15.2f}  {:>7.0f}\n", i + 1,
                       layer.output, layer.parameters, layer.cost.forward_flops / 1e6,
                       layer.cost.filter_gradient_flops / 1e6, data / 1e6, layer.cost.saved_bytes);
  }
  out += fmt::format("total  {} parameters\n\n", plan.parameters);
  out += "start s  C_s MFLOP/image  share  saved B/image\n";
  for (std::size_t s = 0; s < plan.starts.size(); ++s) {
    const PlannedStart& start = plan.starts[s];
    out += fmt::format("{:>7}  {:>15.2f}  {:>5.3f}  {:>13.0f}\n", s + 1, start.flops / 1e6,
                       start.share, start.saved_bytes);
  }
  out += "\nsampling scheme         mean MFLOP/image  predicted speed-up per step\n";
  for (const PlannedScheme& scheme : plan.schemes) {
    out += fmt::format("{:<22}  {:>16.2f}  {:>27.3f}\n", scheme.name, scheme.mean_flops / 1e6,
                       scheme.speed_up);
  }
  out += fmt::format("\n{}\n", to_text(plan.data));
  out += fmt::format("batch {} in micro-batches of {}, {} steps per epoch, {} steps, {}FLOP\n",
                     plan.batch_size, plan.micro_batch, plan.steps_per_epoch, plan.total_steps,
                     human_count(plan.total_flops));
  out += fmt::format("peak memory about {} on {}\n", human_bytes(plan.peak_bytes), plan.device);
  return out;
}

std::string to_json(const Plan& plan) {
  nlohmann::ordered_json json;
  for (const PlannedLayer& layer : plan.layers) {
    json["layers"].push_back({{"output", layer.output},
                              {"parameters", layer.parameters},
                              {"forward_flops", layer.cost.forward_flops},
                              {"filter_gradient_flops", layer.cost.filter_gradient_flops},
                              {"data_gradient_flops", layer.cost.data_gradient_flops +
                                                          layer.cost.inner_data_gradient_flops},
                              {"saved_bytes", layer.cost.saved_bytes}});
  }
  for (const PlannedStart& start : plan.starts) {
    json["starts"].push_back(
        {{"flops", start.flops}, {"share", start.share}, {"saved_bytes", start.saved_bytes}});
  }
  for (const PlannedScheme& scheme : plan.schemes) {
    json["schemes"].push_back(
        {{"name", scheme.name}, {"mean_flops", scheme.mean_flops}, {"speed_up", scheme.speed_up}});
  }
  const DatasetInfo& data = plan.data;
  json["data"] = {{"train_images", data.train_count},
                  {"test_images", data.test_count},
                  {"image", {data.image.height, data.image.width, data.image.channels}},
                  {"assumed", is_assumed(data)}};
  json["parameters"] = plan.parameters;
  json["batch_size"] = plan.batch_size;
  json["micro_batch"] = plan.micro_batch;
  json["steps_per_epoch"] = plan.steps_per_epoch;
  json["total_steps"] = plan.total_steps;
  json["total_flops"] = plan.total_flops;
  json["peak_bytes"] = plan.peak_bytes;
  json["device"] = plan.device;
  return json.dump(2) + "\n";
}

}  // namespace dropmuon
