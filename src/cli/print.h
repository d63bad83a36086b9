// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace dropmuon {

// What a command answers, on standard output. Throws Error(cannot_write), as for a full disk.
void print(const std::string& text);

}  // namespace dropmuon
