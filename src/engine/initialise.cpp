// SPDX-License-Identifier: MIT
#include <cmath>

#include <dropmuon/core/random.h>
#include <dropmuon/engine/network.h>

namespace dropmuon {

void initialise(Network& network, Backend& backend, std::uint64_t seed) {
  std::uint64_t position = 0;
  for (const Param& param : network.params()) {
    std::vector<float> values(param.size(), 0.0F);
    if (param.kind != ParamKind::vector) {
      // He et al. 2015: gain 2 makes up for the half that ReLU removes; no ReLU follows the head.
      const double gain = param.kind == ParamKind::filter ? 2.0 : 1.0;
      const double deviation = std::sqrt(gain / param.cols());
      Random random(seed, Purpose::initialise, position);
      for (float& value : values) value = static_cast<float>(deviation * random.normal());
    }
    backend.upload(param.value, values.data(), values.size() * sizeof(float));
    ++position;
  }
  network.params_changed(ActiveSet::all(network.depth()));
}

}  // namespace dropmuon
