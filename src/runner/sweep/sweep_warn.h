// SPDX-License-Identifier: MIT
// What a sweep can do but its user may not want: one line each.
#pragma once

#include <cstddef>

#include <dropmuon/runner/sweep.h>

namespace dropmuon {

// Of jobs that ask for more threads than `share`, the CPUs of each slot.
void warn_of_greed(const Sweep& sweep, std::size_t share);

// Of jobs that began with other threads than those to come will have, `share` unless their
// configuration says how many: `compare` refuses to mix them.
void warn_of_other_threads(const Sweep& sweep, std::size_t share);

// Of runs in the sweep's folder that are none of its jobs, such as those of its file before an
// edit: `compare` finds them there.
void warn_of_strangers(const Sweep& sweep);

}  // namespace dropmuon
