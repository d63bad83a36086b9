// SPDX-License-Identifier: MIT
// The CUDA backend: cuDNN for convolutions, cuBLAS for matrix products, the kernels of kernels/ for
// the rest. Everything runs on one stream, in the order it was called; only download() and
// synchronize() wait for it.
#pragma once

#include <unordered_map>
#include <vector>

#include "device.h"
#include "handle.h"
#include "kernels/newton_schulz/operand.h"
#include "kernels/scratch.h"
#include "newton_schulz.h"
#include "step_recorder.h"
#include "upload_ring.h"
#include "workspace.h"
#include <dropmuon/backend/backend.h>
#include <dropmuon/backend/factory.h>

namespace dropmuon::cuda {

class CudaBackend final : public Backend {
 public:
  CudaBackend(int index, Precision precision, bool graphs);
  ~CudaBackend() override;
  DeviceInfo info() const override;

  // memory.cpp
  void* allocate(std::size_t bytes) override;
  void release(void* memory) noexcept override;
  void upload(void* device, const void* host, std::size_t bytes) override;
  void download(void* host, const void* device, std::size_t bytes) const override;
  void zero(void* device, std::size_t bytes) override;
  void synchronize() override;
  std::size_t allocated_bytes() const override;

  // network_ops.cpp
  std::unique_ptr<Conv2d> make_conv2d(const Conv2dShape& shape) override;
  void gather_batch(const GatherBatch& args) override;
  void bias_relu_pool_forward(const BiasReluPoolForward& args) override;
  void bias_relu_pool_backward(const BiasReluPoolBackward& args) override;
  void average_pool_forward(const AveragePool& args) override;
  void average_pool_backward(const AveragePool& args) override;
  void matmul(const Matmul& args) override;  // matmul.cpp
  void add_bias(const AddBias& args) override;
  void bias_gradient(const BiasGradient& args) override;
  void softmax_cross_entropy(const SoftmaxCrossEntropy& args) override;

  // optimizer_ops.cpp
  void update_momentum(std::span<const MomentumItem> items, const MomentumRule& rule) override;
  void prepare_orthogonalize(std::span<const DirectionItem> items,
                             const NewtonSchulz& method) override;
  void orthogonalize(std::span<const DirectionItem> items, const NewtonSchulz& method) override;
  void normalize(std::span<const NormalizeItem> items) override;
  void dual_norms(std::span<const DualNormItem> items) override;
  void apply_update(std::span<const UpdateItem> items) override;
  void apply_adam(std::span<const AdamItem> items, const AdamRule& rule) override;

  void run_step(const StepKey& key, const std::function<void()>& body) override;
  void forget_steps() override { recorder_.forget(); }
  RecordingCounts recording_counts() const override { return recorder_.counts(); }
  void mark(Phase phase) override { recorder_.mark(phase); }
  PhaseSeconds phase_seconds() override { return recorder_.take_seconds(); }
  double measure_peak_flops() override;  // peak_flops.cpp

 private:
  struct Allocation {
    DeviceMemory memory;
    std::size_t bytes = 0;
  };

  kernels::Scratch scratch() const;
  kernels::Operand newton_schulz_operand() const;

  Gpu gpu_;
  Precision precision_;
  Stream stream_;
  BlasHandle blas_;
  DnnHandle dnn_;
  DeviceMemory blas_workspace_;  // its own: cuBLAS would allocate, and reproducibility needs it
  DeviceMemory partial_sums_;
  DeviceMemory counters_;
  UploadRing uploads_;
  StepRecorder recorder_;
  Workspace convolution_workspace_;
  Workspace newton_schulz_workspace_;
  Orthogonalizer orthogonalizer_;
  std::unordered_map<void*, Allocation> allocations_;
  std::size_t allocated_ = 0;
};

}  // namespace dropmuon::cuda
