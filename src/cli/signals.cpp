// SPDX-License-Identifier: MIT
#include "signals.h"

#include <atomic>
#include <csignal>
#include <initializer_list>
#include <string_view>
#include <thread>

#include <unistd.h>

namespace dropmuon {
namespace {

std::atomic<bool> stop_wanted = false;
std::atomic<bool> checkpoint_wanted = false;

constexpr std::string_view kStopping =
    "\nstopping after this step; its state is saved for --resume; once more ends it at once\n";

void answer(int signal) {
  if (signal == SIGUSR1) {
    checkpoint_wanted = true;
    return;
  }
  if (stop_wanted.exchange(true)) _exit(128 + signal);
  [[maybe_unused]] const auto written = write(STDERR_FILENO, kStopping.data(), kStopping.size());
}

[[noreturn]] void wait_and_answer(sigset_t signals) {
  for (;;) {
    int signal = 0;
    if (sigwait(&signals, &signal) == 0) answer(signal);
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
void answer_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) sigaddset(&signals, signal);
  struct sigaction hang_up = {};
  sigaction(SIGHUP, nullptr, &hang_up);
  if (hang_up.sa_handler != SIG_IGN) sigaddset(&signals, SIGHUP);  // nohup asked for that
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // threads that start later inherit it
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) set_disposition(signal, SIG_DFL);
  set_disposition(SIGPIPE, SIG_IGN);
  std::thread(wait_and_answer, signals).detach();
}

bool stop_requested() { return stop_wanted; }

bool checkpoint_requested() { return checkpoint_wanted.exchange(false); }

}  // namespace dropmuon
