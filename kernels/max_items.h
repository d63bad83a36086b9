// SPDX-License-Identifier: MIT
#pragma once

namespace dropmuon::kernels {

// Tensors that one launch of a multi-tensor kernel takes. Their descriptions travel in the kernel's
// arguments, which are at most 4 KiB; a longer list becomes several launches.
inline constexpr int kMaxItems = 56;

}  // namespace dropmuon::kernels
