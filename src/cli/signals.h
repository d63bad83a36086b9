// SPDX-License-Identifier: MIT
// SIGINT, SIGTERM and SIGHUP ask the run to stop after the step it is in, SIGUSR1 to save its state
// and go on.
#pragma once

namespace dropmuon {

// A thread of its own waits for the signals; every other thread blocks them, those that start
// later because they inherit it. So call this before any work is given to threads. The first
// signal makes stop_requested() true; a second one ends the process at once with 128 + its number
// (130, 143). SIGPIPE is ignored, so a closed pager does not kill a run.
void answer_signals();
bool stop_requested();
bool checkpoint_requested();  // true once for each request

}  // namespace dropmuon
