// SPDX-License-Identifier: MIT
// A backend that counts what the engine asks for, and passes it on.
#pragma once

#include <map>
#include <string>

#include <dropmuon/backend/backend.h>

namespace dropmuon {

// Calls by operation name; a convolution's calls carry its position among the convolutions made:
// "conv2d[1].backward_filter".
using CallCounts = std::map<std::string, int>;

class CountingBackend : public Backend {
 public:
  explicit CountingBackend(std::unique_ptr<Backend> inner) : inner_(std::move(inner)) {}
  CallCounts counts;
  int count(const std::string& name) const {
    const auto found = counts.find(name);
    return found == counts.end() ? 0 : found->second;
  }

  DeviceInfo info() const override { return inner_->info(); }
  void* allocate(std::size_t bytes) override {
    ++counts["allocate"];
    return inner_->allocate(bytes);
  }
  void release(void* memory) noexcept override { inner_->release(memory); }
  void upload(void* device, const void* host, std::size_t bytes) override {
    inner_->upload(device, host, bytes);
  }
  void download(void* host, const void* device, std::size_t bytes) const override {
    inner_->download(host, device, bytes);
  }
  void zero(void* device, std::size_t bytes) override { inner_->zero(device, bytes); }
  void synchronize() override { inner_->synchronize(); }
  std::size_t allocated_bytes() const override { return inner_->allocated_bytes(); }

  std::unique_ptr<Conv2d> make_conv2d(const Conv2dShape& shape) override;
  void gather_batch(const GatherBatch& a) override {
    tally("gather_batch"), inner_->gather_batch(a);
  }
  void bias_relu_pool_forward(const BiasReluPoolForward& a) override {
    tally(a.winner != nullptr ? "pool_forward_training" : "pool_forward_inference");
    inner_->bias_relu_pool_forward(a);
  }
  void bias_relu_pool_backward(const BiasReluPoolBackward& a) override {
    tally(a.dbias != nullptr ? "pool_backward_with_bias" : "pool_backward_without_bias");
    inner_->bias_relu_pool_backward(a);
  }
  void average_pool_forward(const AveragePool& a) override { inner_->average_pool_forward(a); }
  void average_pool_backward(const AveragePool& a) override { inner_->average_pool_backward(a); }
  void matmul(const Matmul& a) override { tally("matmul"), inner_->matmul(a); }
  void add_bias(const AddBias& a) override { tally("add_bias"), inner_->add_bias(a); }
  void bias_gradient(const BiasGradient& a) override {
    tally("bias_gradient"), inner_->bias_gradient(a);
  }
  void softmax_cross_entropy(const SoftmaxCrossEntropy& a) override {
    tally("softmax_cross_entropy"), inner_->softmax_cross_entropy(a);
  }

  void update_momentum(std::span<const MomentumItem> items, const MomentumRule& rule) override {
    tally("update_momentum", items.size()), inner_->update_momentum(items, rule);
  }
  void prepare_orthogonalize(std::span<const DirectionItem> items,
                             const NewtonSchulz& method) override {
    inner_->prepare_orthogonalize(items, method);
  }
  void orthogonalize(std::span<const DirectionItem> items, const NewtonSchulz& m) override {
    tally("orthogonalize", items.size()), inner_->orthogonalize(items, m);
  }
  void normalize(std::span<const NormalizeItem> items) override {
    tally("normalize", items.size()), inner_->normalize(items);
  }
  void dual_norms(std::span<const DualNormItem> items) override {
    tally("dual_norms", items.size()), inner_->dual_norms(items);
  }
  void apply_update(std::span<const UpdateItem> items) override {
    tally("apply_update", items.size()), inner_->apply_update(items);
  }
  void apply_adam(std::span<const AdamItem> items, const AdamRule& rule) override {
    tally("apply_adam", items.size()), inner_->apply_adam(items, rule);
  }

  void run_step(const StepKey& key, const std::function<void()>& body) override {
    tally("run_step"), inner_->run_step(key, body);
  }
  void forget_steps() override { inner_->forget_steps(); }
  RecordingCounts recording_counts() const override { return inner_->recording_counts(); }
  void mark(Phase phase) override { inner_->mark(phase); }
  PhaseSeconds phase_seconds() override { return inner_->phase_seconds(); }
  double measure_peak_flops() override { return inner_->measure_peak_flops(); }

 private:
  // Calls, and items over all calls under "<name>.items".
  void tally(const std::string& name, std::size_t items = 0) {
    ++counts[name];
    if (items > 0) counts[name + ".items"] += static_cast<int>(items);
  }

  std::unique_ptr<Backend> inner_;
  int convolutions_ = 0;
};

}  // namespace dropmuon
