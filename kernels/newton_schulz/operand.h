// SPDX-License-Identifier: MIT
#pragma once

namespace dropmuon::kernels {

// The type in which a product's operands meet. Sums are fp32 for all of them, and so is whatever
// is kept in device memory.
enum class Operand { fp32, fp16, bf16 };

}  // namespace dropmuon::kernels
