// SPDX-License-Identifier: MIT
// Optimizer operations: one launch for all active parameters, whatever their number (up to
// kernels::kMaxItems, more in several). The item lists are copied into the launch.
#include "cuda_backend.h"
#include "kernels/apply_adam.h"
#include "kernels/apply_update.h"
#include "kernels/dual_norms.h"
#include "kernels/momentum.h"
#include "kernels/normalize.h"

namespace dropmuon::cuda {

void CudaBackend::update_momentum(std::span<const MomentumItem> items, const MomentumRule& rule) {
  DM_CUDA(kernels::update_momentum(items, rule, stream_));
}

// Half precision iterates in fp16, not bf16: the Gram form needs its three more bits (Gram
// Newton-Schulz, Dao-AILab 2026).
kernels::Operand CudaBackend::newton_schulz_operand() const {
  return precision_ == Precision::bf16 ? kernels::Operand::fp16 : kernels::Operand::fp32;
}

void CudaBackend::prepare_orthogonalize(std::span<const DirectionItem> items,
                                        const NewtonSchulz& method) {
  orthogonalizer_.reserve(items.size());
  newton_schulz_workspace_.reserve(orthogonalizer_.workspace_bytes(items, method));
}

void CudaBackend::orthogonalize(std::span<const DirectionItem> items, const NewtonSchulz& method) {
  orthogonalizer_.run(items, method, newton_schulz_operand(), newton_schulz_workspace_.data(),
                      newton_schulz_workspace_.size(), scratch(), blas_, stream_);
}

void CudaBackend::normalize(std::span<const NormalizeItem> items) {
  DM_CUDA(kernels::normalize(items, scratch(), stream_));
}

void CudaBackend::dual_norms(std::span<const DualNormItem> items) {
  DM_CUDA(kernels::dual_norms(items, scratch(), stream_));
}

void CudaBackend::apply_update(std::span<const UpdateItem> items) {
  DM_CUDA(kernels::apply_update(items, scratch(), stream_));
}

void CudaBackend::apply_adam(std::span<const AdamItem> items, const AdamRule& rule) {
  DM_CUDA(kernels::apply_adam(items, rule, scratch(), stream_));
}

}  // namespace dropmuon::cuda
