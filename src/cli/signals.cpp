// SPDX-License-Identifier: MIT
#include "signals.h"

#include <atomic>
#include <chrono>
#include <csignal>
#include <initializer_list>
#include <string_view>
#include <system_error>
#include <thread>

#include <unistd.h>

#include "print.h"
#include <dropmuon/core/error.h>

namespace dropmuon {
namespace {

using Clock = std::chrono::steady_clock;

std::atomic<int> stops = 0;
std::atomic<int> last_stop = 0;
std::atomic<bool> checkpoint_wanted = false;

constexpr std::string_view kStopping =
    "\nstopping once the step in hand is done and saved; once more ends it at once\n";

constexpr std::string_view kOutOfTime =
    "\nthe limit of processor time is reached: stopping once the step in hand is done and saved\n";

// Not onto a terminal or into a pipe that is held: who waits there hears no second request.
void say(std::string_view text) {
  if (!can_write(STDERR_FILENO)) return;
  [[maybe_unused]] const auto written = write(STDERR_FILENO, text.data(), text.size());
}

[[noreturn]] void wait_and_answer(sigset_t signals, SecondRequest second) {
  constexpr std::chrono::milliseconds kSameRequest(250);
  Clock::time_point last;
  for (;;) {
    int signal = 0;
    if (sigwait(&signals, &signal) != 0) continue;
    if (signal == SIGUSR1) {
      checkpoint_wanted = true;
      continue;
    }
    // From the soft limit on it comes every second: that is nobody's second request.
    if (signal == SIGXCPU && stops > 0) continue;
    const Clock::time_point now = Clock::now();
    if (stops > 0 && now - last < kSameRequest) continue;
    last = now;
    last_stop = signal;
    const int earlier = stops.fetch_add(1);
    if (second == SecondRequest::is_counted) continue;
    if (earlier > 0) _exit(kSignalledExit + signal);
    say(signal == SIGXCPU ? kOutOfTime : kStopping);
  }
}

void set_disposition(int signal, void (*disposition)(int)) {
  struct sigaction action = {};
  action.sa_handler = disposition;
  sigaction(signal, &action, nullptr);
}

}  // namespace

// No handler: the kernel would run it on the stack of whatever thread it interrupts, and inside a
// matrix product of oneDNN's that is no stack. Its AVX-512 kernels for long sums point the stack
// pointer into a heap block, just above their operands, which the handler's frame overwrites.
void answer_signals(SecondRequest second) {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) sigaddset(&signals, signal);
  for (const int signal : {SIGHUP, SIGXCPU}) {
    struct sigaction inherited = {};
    sigaction(signal, nullptr, &inherited);
    if (inherited.sa_handler != SIG_IGN) sigaddset(&signals, signal);  // as nohup asks for
  }
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) set_disposition(signal, SIG_DFL);
  set_disposition(SIGPIPE, SIG_IGN);  // and writing says EPIPE
  try {
    std::thread(wait_and_answer, signals, second).detach();
  } catch (const std::system_error& error) {
    fail(ExitCode::no_device, "cannot start a thread: {}; `ulimit -u` shows how many may run",
         error.what());
  }
}

void ignore_file_size_signal() { set_disposition(SIGXFSZ, SIG_IGN); }

int stop_requests() { return stops; }

int last_stop_signal() { return last_stop; }

bool checkpoint_requested() { return checkpoint_wanted.exchange(false); }

}  // namespace dropmuon
