// SPDX-License-Identifier: MIT
// The exact FLOP and byte counter: what a step costs as a function of where backpropagation stops.
#pragma once

#include <cstdint>
#include <vector>

#include <dropmuon/core/active_set.h>

namespace dropmuon {

// Of one layer, per image. FLOPs count multiply and add as two operations, padding included, and
// cover convolutions and matrix products only (element-wise work is below 1 %).
struct LayerCost {
  double forward_flops = 0.0;
  double filter_gradient_flops = 0.0;
  double data_gradient_flops = 0.0;        // with respect to the layer's input
  double inner_data_gradient_flops = 0.0;  // between the parts of a layer that has several
  double skipped_flops = 0.0;  // part of each of the first three that pooling makes superfluous
  double filter_bytes = 0.0;   // weights that a convolution keeps packed copies of
  double saved_bytes = 0.0;    // kept from forward for backward: the input and the arg-max bytes
};

// Sum over the layers: forward of all, data gradients of layers above computed.first(), inner data
// gradients from computed.first() up, filter gradients of computed layers. With Truncate::no pass
// ActiveSet::all as `computed`.
double step_flops_per_image(const std::vector<LayerCost>& layers, const ActiveSet& computed);

// The same without the outputs that fill no pooling window and are never computed.
double computed_flops_per_image(const std::vector<LayerCost>& layers, const ActiveSet& computed);

// Bytes kept for backward per image when backpropagation stops at computed.first().
double saved_bytes_per_image(const std::vector<LayerCost>& layers, const ActiveSet& computed);

}  // namespace dropmuon
