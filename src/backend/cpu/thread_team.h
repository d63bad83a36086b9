// SPDX-License-Identifier: MIT
// How many threads compute. oneDNN cuts its work by the number it was promised and does not look
// how many came: with fewer, results are wrong or a barrier waits for ever. So the number is
// settled once, here, and proven by starting the threads.
#pragma once

#include <string>
#include <vector>

#include "spin_throttle.h"

namespace dropmuon::cpu {

// The processors that threads of this process may use: those of OpenMP's places where the
// environment binds threads (the runtime has then confined the first thread to one of them before
// main()), else the thread's own.
std::vector<int> usable_processors();

// Of so many processors those that a control group's quota and a batch job (batch_job.h) pay for,
// at least one.
int paid_processors(int count);

struct ThreadTeam {
  int threads = 1;
  std::string reason;  // what set the number, for people: "OMP_NUM_THREADS=1"
};

// What `threads: auto` comes to on so many processors: the paid ones, no more than OMP_NUM_THREADS
// and OMP_THREAD_LIMIT say.
ThreadTeam automatic_team(int processors);

// Settles the number of threads of the calling thread's parallel regions, oneDNN's included, and
// starts them. asked > 0: as many, fewer with a warning where the OpenMP runtime or the system
// gives no more; 0: automatic_team(). OMP_DYNAMIC and OMP_MAX_ACTIVE_LEVELS have no effect;
// OMP_THREAD_LIMIT is kept to. Throws Error(bad_config) for an OMP_STACKSIZE on which no thread can
// compute.
ThreadTeam start_team(int asked);

// Whether the environment says how threads wait for each other.
bool waiting_is_set();

// What is in force, in words: of the binding to processors, and of waiting.
std::string binding();
std::string waiting(const SpinThrottle::Team& team);

}  // namespace dropmuon::cpu
