// SPDX-License-Identifier: MIT
// Tensors on a device as files have them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <dropmuon/backend/backend.h>
#include <dropmuon/core/param.h>
#include <dropmuon/training/safetensors.h>

namespace dropmuon {

std::vector<std::int64_t> sides(const Shape& shape);

// `size` values at `data`, which is device memory. Waits for the device.
NamedTensor download_tensor(const Backend& backend, const std::string& name,
                            std::vector<std::int64_t> shape, const float* data, std::size_t size);
NamedTensor download_tensor(const Backend& backend, const Param& param);

}  // namespace dropmuon
