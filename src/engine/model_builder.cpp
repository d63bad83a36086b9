// SPDX-License-Identifier: MIT
#include "conv_block.h"
#include "layer_group.h"
#include "linear.h"
#include <dropmuon/core/error.h>
#include <dropmuon/engine/network.h>

namespace dropmuon {
namespace {

int nth(const std::vector<int>& values, std::size_t i) {
  return values.size() == 1 ? values[0] : values[i];
}

void check_lists(const ModelOptions& options) {
  const std::size_t layers = options.channels.size();
  if (layers < 1 || layers > kMaxConvLayers) {
    fail(ExitCode::bad_config, "model.channels: expected 1 to {} conv layers, found {}",
         kMaxConvLayers, layers);
  }
  const auto check = [&](const char* key, const std::vector<int>& values) {
    if (values.size() != 1 && values.size() != layers) {
      fail(ExitCode::bad_config,
           "model.{}: expected one value or one per conv layer ({}), found {} values", key, layers,
           values.size());
    }
  };
  check("kernel", options.kernel);
  check("pool", options.pool);
}

}  // namespace

std::unique_ptr<Network> build_network(const ModelOptions& options, const ModelInput& input,
                                       Backend& backend) {
  check_lists(options);
  std::vector<std::unique_ptr<Layer>> layers;
  ImageShape shape = input.image;
  for (std::size_t i = 0; i < options.channels.size(); ++i) {
    const int pool = nth(options.pool, i);
    if (pool > shape.height || pool > shape.width) {
      fail(
          ExitCode::bad_config,
          "model.pool: the input of conv layer {} is {}x{}, too small for {}x{} pooling; use 1 for "
          "some layers, e.g. model.pool=[2,1,..]",
          i + 1, shape.height, shape.width, pool, pool);
    }
    const Conv2dShape conv{shape, options.channels[i], nth(options.kernel, i)};
    layers.push_back(std::make_unique<ConvBlock>(backend, ConvBlockShape{conv, pool}));
    shape = {shape.height / pool, shape.width / pool, options.channels[i]};
  }
  auto head =
      std::make_unique<Linear>(backend, LinearShape{shape, options.head_input, input.classes});
  if (options.head == Head::own_layer) {
    layers.push_back(std::move(head));
  } else {
    std::vector<std::unique_ptr<Layer>> parts;
    parts.push_back(std::move(layers.back()));
    parts.push_back(std::move(head));
    layers.back() = std::make_unique<LayerGroup>(backend, std::move(parts));
  }
  return std::make_unique<Network>(backend, std::move(layers));
}

}  // namespace dropmuon
