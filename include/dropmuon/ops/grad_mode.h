// SPDX-License-Identifier: MIT
#pragma once

namespace dropmuon {

// Whether a gradient replaces what its buffer holds or is added to it (micro-batches).
enum class GradMode { overwrite, accumulate };

}  // namespace dropmuon
