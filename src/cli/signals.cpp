// SPDX-License-Identifier: MIT
#include "signals.h"

#include <atomic>
#include <chrono>
#include <csignal>
#include <initializer_list>
#include <string_view>
#include <thread>

#include <unistd.h>

#include "print.h"

namespace dropmuon {
namespace {

using Clock = std::chrono::steady_clock;

std::atomic<int> stops = 0;
std::atomic<int> last_stop = 0;
std::atomic<bool> checkpoint_wanted = false;

constexpr std::string_view kStopping =
    "\nstopping once the step in hand is done and saved; once more ends it at once\n";

// Not onto a terminal or into a pipe that is held: who waits there hears no second request.
void say_stopping() {
  if (!can_write(STDERR_FILENO)) return;
  [[maybe_unused]] const auto written = write(STDERR_FILENO, kStopping.data(), kStopping.size());
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
    const Clock::time_point now = Clock::now();
    if (stops > 0 && now - last < kSameRequest) continue;
    last = now;
    last_stop = signal;
    const int earlier = stops.fetch_add(1);
    if (second == SecondRequest::is_counted) continue;
    if (earlier > 0) _exit(128 + signal);
    say_stopping();
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
  struct sigaction hang_up = {};
  sigaction(SIGHUP, nullptr, &hang_up);
  if (hang_up.sa_handler != SIG_IGN) sigaddset(&signals, SIGHUP);  // nohup asked for that
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) set_disposition(signal, SIG_DFL);
  set_disposition(SIGPIPE, SIG_IGN);
  std::thread(wait_and_answer, signals, second).detach();
}

int stop_requests() { return stops; }

int last_stop_signal() { return last_stop; }

bool checkpoint_requested() { return checkpoint_wanted.exchange(false); }

}  // namespace dropmuon
