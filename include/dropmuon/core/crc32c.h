// SPDX-License-Identifier: MIT
// CRC-32C (Castagnoli), the checksum of checkpoint tensors and of TensorBoard event files.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace dropmuon {

// crc32c("123456789") == 0xe3069283
std::uint32_t crc32c(std::span<const std::byte> bytes);
std::uint32_t crc32c(std::string_view bytes);

}  // namespace dropmuon
