// SPDX-License-Identifier: MIT
// The architecture a config asks for.
#pragma once

#include <cstdint>
#include <vector>

#include <dropmuon/core/active_set.h>
#include <dropmuon/core/shape.h>

namespace dropmuon {

enum class Architecture { cnn };
enum class NormLayer { none };
enum class Head {
  own_layer,       // the classifier is a layer of its own: depth = conv layers + 1
  with_last_conv,  // the last conv block and the classifier move together: depth = conv layers
};
enum class HeadInput { flatten, average_pool };

// Conv layers of the deepest network: the classifier, and one layer more that models may yet have.
inline constexpr int kMaxConvLayers = ActiveSet::kMaxDepth - 2;

// Convolution blocks conv -> bias -> ReLU -> max-pool, then a linear classifier.
struct ModelOptions {
  Architecture architecture = Architecture::cnn;
  std::vector<int> channels = {64, 128, 256};  // one entry per conv layer
  std::vector<int> kernel = {3};               // odd; one entry for all, or one per conv layer
  std::vector<int> pool = {2};                 // window and stride, 1 = none; one or one per layer
  NormLayer norm = NormLayer::none;
  Head head = Head::own_layer;
  HeadInput head_input = HeadInput::flatten;
};

// Everything the model needs to know about the data.
struct ModelInput {
  ImageShape image;
  int classes = 10;
};

}  // namespace dropmuon
