// SPDX-License-Identifier: MIT
// What signals ask of a run or a sweep. SIGINT, SIGTERM, SIGHUP, and SIGXCPU (the soft limit of
// processor time): stop in order. SIGUSR1: save the state and go on.
#pragma once

namespace dropmuon {

enum class SecondRequest {
  ends_the_process,  // at once, with 128 + the signal's number (130, 143)
  is_counted,
};

// A thread of its own waits for the signals; every other thread blocks them, those that start
// later because they inherit it. So call this before any work is given to threads. A request that
// comes within a quarter of a second of the one before is the same one twice: `timeout` and service
// managers signal a process and its group. SIGPIPE is ignored, so a closed pager kills no run.
void answer_signals(SecondRequest second);

// Then writing beyond the limit of a file's size is an error, EFBIG, and no sudden end. For every
// command.
void ignore_file_size_signal();

int stop_requests();
int last_stop_signal();       // its number
bool checkpoint_requested();  // true once for each request

}  // namespace dropmuon
