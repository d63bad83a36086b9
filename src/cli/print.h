// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace dropmuon {

// What a command answers, on standard output. Throws Error(cannot_write), as for a full disk.
void print(const std::string& text);

// Whether standard error is a terminal on which a line can be redrawn: not where TERM is dumb, as
// in editors and some logs, or not set.
bool draws_on_standard_error();

// Whether writing to `file`, a descriptor, would begin at once: not to a terminal that is held with
// Ctrl-S, nor into a pipe that nobody empties.
bool can_write(int file);

}  // namespace dropmuon
