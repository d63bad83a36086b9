// SPDX-License-Identifier: MIT
// The CPU backend: oneDNN for convolutions and matrix products, OpenMP loops for the rest. Each
// operation's body is in the file named after it.
#pragma once

#include <unordered_map>

#include "spin_throttle.h"
#include "thread_team.h"
#include <dropmuon/backend/backend.h>
#include <dropmuon/core/run_clock.h>

namespace dropmuon::cpu {

class CpuBackend final : public Backend {
 public:
  explicit CpuBackend(int threads);  // 0: as start_team() chooses
  ~CpuBackend() override;
  DeviceInfo info() const override;

  // memory.cpp
  void* allocate(std::size_t bytes) override;
  void release(void* memory) noexcept override;
  void upload(void* device, const void* host, std::size_t bytes) override;
  void download(void* host, const void* device, std::size_t bytes) const override;
  void zero(void* device, std::size_t bytes) override;
  void synchronize() override {}
  std::size_t allocated_bytes() const override { return allocated_; }

  std::unique_ptr<Conv2d> make_conv2d(const Conv2dShape& shape) override;  // onednn/conv2d.cpp
  void gather_batch(const GatherBatch& args) override;
  void bias_relu_pool_forward(const BiasReluPoolForward& args) override;
  void bias_relu_pool_backward(const BiasReluPoolBackward& args) override;
  void average_pool_forward(const AveragePool& args) override;
  void average_pool_backward(const AveragePool& args) override;
  void matmul(const Matmul& args) override;  // onednn/matmul.cpp
  void add_bias(const AddBias& args) override;
  void bias_gradient(const BiasGradient& args) override;
  void softmax_cross_entropy(const SoftmaxCrossEntropy& args) override;

  void update_momentum(std::span<const MomentumItem> items, const MomentumRule& rule) override;
  void prepare_orthogonalize(std::span<const DirectionItem> items,
                             const NewtonSchulz& method) override;
  void orthogonalize(std::span<const DirectionItem> items, const NewtonSchulz& method) override;
  void normalize(std::span<const NormalizeItem> items) override;
  void dual_norms(std::span<const DualNormItem> items) override;
  void apply_update(std::span<const UpdateItem> items) override;
  void apply_adam(std::span<const AdamItem> items, const AdamRule& rule) override;

  void run_step(const StepKey& key, const std::function<void()>& body) override;
  void forget_steps() override {}
  RecordingCounts recording_counts() const override { return {}; }
  void mark(Phase phase) override;
  PhaseSeconds phase_seconds() override;
  double measure_peak_flops() override;  // peak_flops.cpp

 private:
  using Clock = RunClock;

  ThreadTeam team_;
  int threads_;
  SpinThrottle throttle_{threads_};
  std::unordered_map<void*, std::size_t> sizes_;
  std::size_t allocated_ = 0;
  std::vector<float> newton_schulz_workspace_;
  std::vector<float> bias_partials_;  // one row per image; convolutions reserve it
  Phase phase_ = Phase::idle;
  Clock::time_point phase_start_;
  PhaseSeconds seconds_;
};

}  // namespace dropmuon::cpu
