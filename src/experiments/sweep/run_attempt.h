// SPDX-License-Identifier: MIT
// One start of a job: its command, and what its end means.
#pragma once

#include <cstdint>
#include <string>

#include "pool.h"
#include <dropmuon/config/config.h>

namespace dropmuon {

enum class Again { no, if_tries_are_left };

// Whether the same command may well succeed a moment later.
Again after(const ChildEnd& end);

// The reason of a failure; `said` is what the program gave as one.
std::string end_text(const ChildEnd& end, const std::string& said);

// Adds a line to the command's log that says what is started there; returns the log's size after
// it. Throws Error(cannot_write).
std::uintmax_t note_start(const ChildCommand& command);

// Whether the configuration leaves open which board is used: auto, or a kind without a number.
bool takes_any_board(const RunConfig& config);

}  // namespace dropmuon
