// SPDX-License-Identifier: MIT
// SHA-256 of files and memory, in lower-case hexadecimal.
#pragma once

#include <span>
#include <string>

namespace dropmuon {

std::string sha256(std::span<const std::byte> bytes);
std::string sha256(const std::string& text);

}  // namespace dropmuon
