// SPDX-License-Identifier: MIT
// Temporary: bodies still to be written; each moves to its own file and disappears here.
#include <dropmuon/core/error.h>
#include "cpu_backend.h"
namespace dropmuon::cpu {
#define U DM_CHECK(false, "unfinished")
void CpuBackend::update_momentum(std::span<const MomentumItem>, const MomentumRule&) { U; }
void CpuBackend::prepare_orthogonalize(std::span<const DirectionItem>, const NewtonSchulz&) { U; }
void CpuBackend::orthogonalize(std::span<const DirectionItem>, const NewtonSchulz&) { U; }
void CpuBackend::normalize(std::span<const NormalizeItem>) { U; }
void CpuBackend::dual_norms(std::span<const DualNormItem>) { U; }
void CpuBackend::apply_update(std::span<const UpdateItem>) { U; }
void CpuBackend::apply_adam(std::span<const AdamItem>, const AdamRule&) { U; }
}
