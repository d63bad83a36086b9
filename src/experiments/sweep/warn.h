// SPDX-License-Identifier: MIT
// What a sweep can do but its user may not want: one line each.
#pragma once

#include <cstddef>

#include <dropmuon/experiments/sweep.h>

namespace dropmuon {

// Of jobs that ask for more threads than `share`, the CPUs of each slot.
void warn_of_too_many_threads(const Sweep& sweep, std::size_t share);

// Of jobs that began with other threads than those to come will have, `share` unless their
// configuration says how many: `compare` refuses to mix them.
void warn_of_other_threads(const Sweep& sweep, std::size_t share);

// Of data files that are others now than those that finished jobs were trained on, where jobs that
// are left will read them: `compare` warns of such a mix. Reads those files.
void warn_of_other_data(const Sweep& sweep);

// Of runs in the sweep's folder that are none of its jobs, such as those of its file before an
// edit: `compare` finds them there.
void warn_of_unknown_runs(const Sweep& sweep);

}  // namespace dropmuon
