// SPDX-License-Identifier: MIT
// Optimizer operations: one launch for all active parameters, whatever their number (up to
// kernels::kMaxItems, more in several). The item lists are copied into the launch.
#include <vector>

#include "cuda_backend.h"
#include "kernels/apply_adam.h"
#include "kernels/apply_update.h"
#include "kernels/dual_norms.h"
#include "kernels/momentum.h"
#include "kernels/normalize.h"

namespace dropmuon::cuda {
namespace {

static_assert(sizeof(kernels::AdamScalars) == sizeof(AdamScalars));
static_assert(offsetof(kernels::AdamScalars, keep) == offsetof(AdamScalars, keep));
static_assert(offsetof(kernels::AdamScalars, second_correction) ==
              offsetof(AdamScalars, second_correction));

static_assert(sizeof(kernels::Change) == sizeof(Change));
static_assert(offsetof(kernels::Change, total) == offsetof(Change, total));

kernels::Change* mirrored(Change* change) { return reinterpret_cast<kernels::Change*>(change); }

kernels::SimpleNorm simple_norm(SimpleNorm norm) {
  switch (norm) {
    case SimpleNorm::max_abs:
      return kernels::SimpleNorm::max_abs;
    case SimpleNorm::euclidean:
      return kernels::SimpleNorm::euclidean;
    case SimpleNorm::column:
      return kernels::SimpleNorm::column;
    case SimpleNorm::row:
      break;
  }
  return kernels::SimpleNorm::row;
}

}  // namespace

void CudaBackend::update_momentum(std::span<const MomentumItem> items, const MomentumRule& rule) {
  std::vector<kernels::MomentumItem> list;
  list.reserve(items.size());
  for (const MomentumItem& item : items) {
    list.push_back({item.size, item.grad, item.value, item.momentum, item.direction});
  }
  DM_CUDA(kernels::update_momentum(list.data(), static_cast<int>(list.size()),
                                   {.mu = rule.mu,
                                    .grad_weight = rule.grad_weight,
                                    .coupled_decay = rule.coupled_decay,
                                    .nesterov = rule.nesterov == Nesterov::yes},
                                   stream_));
}

// Half precision iterates in fp16, not bf16: the Gram form needs its three more bits (Gram
// Newton-Schulz, Dao-AILab 2026).
kernels::Operand CudaBackend::newton_schulz_operand() const {
  return precision_ == Precision::bf16 ? kernels::Operand::fp16 : kernels::Operand::fp32;
}

void CudaBackend::prepare_orthogonalize(std::span<const DirectionItem> items,
                                        const NewtonSchulz& method) {
  newton_schulz_workspace_.reserve(orthogonalizer_.workspace_bytes(items, method));
}

void CudaBackend::orthogonalize(std::span<const DirectionItem> items, const NewtonSchulz& method) {
  orthogonalizer_.run(items, method, newton_schulz_operand(), newton_schulz_workspace_.data(),
                      newton_schulz_workspace_.size(), scratch(), blas_, stream_);
}

void CudaBackend::normalize(std::span<const NormalizeItem> items) {
  std::vector<kernels::NormalizeItem> list;
  list.reserve(items.size());
  for (const NormalizeItem& item : items) {
    const DirectionItem& matrix = item.matrix;
    list.push_back({simple_norm(item.norm), matrix.rows, matrix.cols, matrix.in, matrix.out});
  }
  DM_CUDA(kernels::normalize(list.data(), static_cast<int>(list.size()), scratch(), stream_));
}

void CudaBackend::dual_norms(std::span<const DualNormItem> items) {
  std::vector<kernels::DualNormItem> list;
  list.reserve(items.size());
  for (const DualNormItem& item : items) {
    list.push_back({item.size, item.in, item.direction, item.result});
  }
  DM_CUDA(kernels::dual_norms(list.data(), static_cast<int>(list.size()), scratch(), stream_));
}

void CudaBackend::apply_update(std::span<const UpdateItem> items) {
  std::vector<kernels::UpdateItem> list;
  list.reserve(items.size());
  for (const UpdateItem& item : items) {
    list.push_back({item.size, item.value, item.direction, item.scale, item.learning_rate,
                    item.keep, item.dual_norm, mirrored(item.change)});
  }
  DM_CUDA(kernels::apply_update(list.data(), static_cast<int>(list.size()), scratch(), stream_));
}

void CudaBackend::apply_adam(std::span<const AdamItem> items, const AdamRule& rule) {
  std::vector<kernels::AdamItem> list;
  list.reserve(items.size());
  for (const AdamItem& item : items) {
    list.push_back({item.size, item.value, item.grad, item.first, item.second,
                    reinterpret_cast<const kernels::AdamScalars*>(item.scalars),
                    mirrored(item.change)});
  }
  DM_CUDA(kernels::apply_adam(list.data(), static_cast<int>(list.size()),
                              {.beta1 = rule.beta1,
                               .beta2 = rule.beta2,
                               .first_weight = rule.first_weight,
                               .second_weight = rule.second_weight,
                               .epsilon = rule.epsilon},
                              scratch(), stream_));
}

}  // namespace dropmuon::cuda
