// SPDX-License-Identifier: MIT
// Numbers as people read them, and words as a shell does.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace dropmuon {

std::string human_bytes(double bytes);      // "47.0 MB" (powers of 1000)
std::string human_count(double count);      // "1.23 M"
std::string human_seconds(double seconds);  // "4.2 s", "3:05 min", "1:02:03 h"

// For advice that can be pasted: as it is, or between quotes if a shell would cut or change it.
std::string shell_quoted(const std::string& word);

// What a terminal would obey, and what would make two lines of a message of one, by its number:
// "<U+000A>" for a line break. Of UTF-8 the controls of two bytes as well.
std::string controls_named(std::string_view text);

}  // namespace dropmuon
