// SPDX-License-Identifier: MIT
#include <algorithm>
#include <numeric>

#include <dropmuon/core/random.h>
#include <dropmuon/training/evaluator.h>

namespace dropmuon {

Evaluator::Evaluator(Backend& backend, DeviceSplit& split, const std::vector<std::int32_t>& indices,
                     int micro_batch)
    : backend_(backend),
      split_(split),
      micro_batch_(micro_batch),
      indices_(backend, indices.size()),
      labels_(backend, static_cast<std::size_t>(micro_batch)),
      sums_(backend, 1) {
  indices_.upload(indices.data());
}

void Evaluator::for_each_batch(Network& network, const ActiveSet* kept,
                               const std::function<Look(int n)>& look) {
  for (int offset = 0; offset < count(); offset += micro_batch_) {
    const int n = std::min(micro_batch_, count() - offset);
    split_.gather(n, indices_.data() + offset, nullptr, network.input(), labels_.data());
    network.forward(n, kept);
    if (look(n) == Look::no_further) return;
  }
}

Evaluation Evaluator::run(Network& network) {
  sums_.zero();
  const Shape logits = network.layer(network.depth() - 1).output_shape();
  for_each_batch(network, nullptr, [&](int n) {
    backend_.softmax_cross_entropy({.n = n,
                                    .classes = logits[0],
                                    .logits = network.logits(),
                                    .labels = labels_.data(),
                                    .sums = sums_.data()});
    return Look::on;
  });
  LossSums sums;
  sums_.download(&sums);
  const auto total = static_cast<double>(sums.count);
  return {.loss = sums.loss / total, .accuracy = static_cast<double>(sums.correct) / total};
}

std::vector<std::int32_t> evaluation_sample(int count, int limit, std::uint64_t seed) {
  std::vector<std::int32_t> indices(static_cast<std::size_t>(count));
  std::iota(indices.begin(), indices.end(), 0);
  if (limit >= count) return indices;
  Random random(seed, Purpose::evaluate, 0);
  for (int i = 0; i < limit; ++i) {
    const auto other =
        static_cast<std::size_t>(i) + random.below(static_cast<std::uint32_t>(count - i));
    std::swap(indices[static_cast<std::size_t>(i)], indices[other]);
  }
  indices.resize(static_cast<std::size_t>(limit));
  return indices;
}

}  // namespace dropmuon
