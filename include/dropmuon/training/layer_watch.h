// SPDX-License-Identifier: MIT
// Which layers take part: what moves, what stands still, what puts out nothing.
#pragma once

#include <cstdint>
#include <vector>

#include <dropmuon/engine/network.h>
#include <dropmuon/optim/optimizer.h>
#include <dropmuon/training/evaluator.h>
#include <dropmuon/training/metrics.h>

namespace dropmuon {

inline constexpr std::int64_t kNoMove = -1;

class LayerWatch {
 public:
  // All must outlive it. Takes its memory here.
  LayerWatch(Backend& backend, Network& network, const Optimizer& optimizer);

  // The optimizer moves `active` in the step that makes steps_done.
  void moves(const ActiveSet& active, std::int64_t steps_done);

  // Waits for the device.
  std::vector<LayerMetrics> look(std::int64_t steps_done);

  // Layers, counted from 1, none of whose parameters, biases included, ever changed a bit: never
  // drawn, or drawn and every update was zero.
  std::vector<int> unmoved() const;

  // Likewise those that changed in their biases alone: no update of weights came to a bit, which is
  // what update_ratio tells of.
  std::vector<int> moved_in_biases_alone() const;

  // Layers, counted from 1, whose output behind ReLU and pooling is zero for all images of
  // `evaluator`; what is not finite is not zero. Looks at as many as it takes to know, mostly one
  // micro-batch.
  std::vector<int> silent(Evaluator& evaluator);

  // Steps done after the latest move of each layer; kNoMove before the first, or
  // where a checkpoint did not tell. Part of the state to save.
  const std::vector<std::int64_t>& last_moves() const { return last_moves_; }
  void set_last_moves(const std::vector<std::int64_t>& steps);

 private:
  // Whether a parameter of layer i ever changed a bit.
  struct Moved {
    bool weights = false;
    bool biases = false;
  };
  std::vector<Moved> moved() const;
  std::vector<double> squares(std::vector<DualNormItem> items);

  Backend& backend_;
  Network& network_;
  const Optimizer& optimizer_;
  std::vector<std::int64_t> last_moves_;
  Buffer<float> squares_;  // of each parameter or hidden output
};

}  // namespace dropmuon
