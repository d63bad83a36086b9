// SPDX-License-Identifier: MIT
// Numbers as people read them, and words as a shell does.
#pragma once

#include <cstdint>
#include <string>

namespace dropmuon {

std::string human_bytes(double bytes);      // "47.0 MB" (powers of 1000)
std::string human_count(double count);      // "1.23 M"
std::string human_seconds(double seconds);  // "4.2 s", "3:05 min", "1:02:03 h"

// For advice that can be pasted: as it is, or between quotes if a shell would cut or change it.
std::string shell_quoted(const std::string& word);

}  // namespace dropmuon
