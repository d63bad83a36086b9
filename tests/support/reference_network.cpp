// SPDX-License-Identifier: MIT
#include "reference_network.h"

namespace dropmuon::reference {
namespace {

ImageShape conv_output(const Conv2dShape& conv) {
  return {conv.input.height, conv.input.width, conv.out_channels};
}

}  // namespace

ReferenceNetwork::ReferenceNetwork(const ModelOptions& options, const ModelInput& input)
    : average_(options.head_input == HeadInput::average_pool), classes_(input.classes) {
  ImageShape shape = input.image;
  for (std::size_t i = 0; i < options.channels.size(); ++i) {
    const int kernel = options.kernel.size() == 1 ? options.kernel[0] : options.kernel[i];
    const int pool = options.pool.size() == 1 ? options.pool[0] : options.pool[i];
    convs_.push_back({shape, options.channels[i], kernel});
    pools_.push_back(pool);
    shape = {shape.height / pool, shape.width / pool, options.channels[i]};
  }
  head_input_ = shape;
}

ReferenceNetwork::Result ReferenceNetwork::run(int n, const Values& x,
                                               const std::vector<std::uint8_t>& labels,
                                               const Parameters& p) const {
  std::vector<Values> inputs = {x};
  std::vector<std::vector<std::uint8_t>> winners;
  for (std::size_t i = 0; i < convs_.size(); ++i) {
    const Values y = conv2d(convs_[i], n, inputs.back(), p[2 * i]);
    Pooled pooled = bias_relu_pool(conv_output(convs_[i]), pools_[i], n, y, p[2 * i + 1]);
    inputs.push_back(pooled.out);
    winners.push_back(pooled.winner);
  }
  const Values features = average_ ? average_pool(head_input_, n, inputs.back()) : inputs.back();
  const int width = static_cast<int>(features.size()) / n;
  const Values& w = p[p.size() - 2];
  Result result;
  result.logits = matmul(n, classes_, width, features, transpose(classes_, width, w));
  for (std::size_t i = 0; i < result.logits.size(); ++i) {
    result.logits[i] += p.back()[i % static_cast<std::size_t>(classes_)];
  }
  const Loss loss = softmax_cross_entropy(n, classes_, result.logits, labels);
  result.loss = loss.sum / n;

  result.gradients.resize(p.size());
  result.gradients[p.size() - 2] =
      matmul(classes_, width, n, transpose(n, classes_, loss.dlogits), features);
  result.gradients.back().assign(static_cast<std::size_t>(classes_), 0.0);
  for (std::size_t i = 0; i < loss.dlogits.size(); ++i) {
    result.gradients.back()[i % static_cast<std::size_t>(classes_)] += loss.dlogits[i];
  }
  Values d = matmul(n, width, classes_, loss.dlogits, w);
  if (average_) d = average_pool_gradient(head_input_, n, d);
  for (std::size_t i = convs_.size(); i-- > 0;) {
    const PoolGradients pool =
        bias_relu_pool_gradient(conv_output(convs_[i]), pools_[i], n, d, winners[i]);
    result.gradients[2 * i] = conv2d_filter_gradient(convs_[i], n, inputs[i], pool.dconv);
    result.gradients[2 * i + 1] = pool.dbias;
    d = conv2d_input_gradient(convs_[i], n, pool.dconv, p[2 * i]);
  }
  return result;
}

}  // namespace dropmuon::reference
