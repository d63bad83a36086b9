// SPDX-License-Identifier: MIT
#include "signals.h"

#include <csignal>
#include <initializer_list>

#include <unistd.h>

namespace dropmuon {
namespace {

volatile std::sig_atomic_t requested = 0;
volatile std::sig_atomic_t checkpoint_wanted = 0;

void on_checkpoint_signal(int /*number*/) { checkpoint_wanted = 1; }

void on_signal(int number) {
  if (requested != 0) _exit(128 + number);
  requested = 1;
  constexpr char kSaid[] =
      "\nstopping after this step; its state is saved for --resume; once more ends it at once\n";
  [[maybe_unused]] const auto written = write(STDERR_FILENO, kSaid, sizeof(kSaid) - 1);
}

}  // namespace

void install_signal_handlers() {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  for (const int number : {SIGINT, SIGTERM}) sigaction(number, &action, nullptr);
  struct sigaction before = {};
  sigaction(SIGHUP, nullptr, &before);
  if (before.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, nullptr);  // nohup asked for that
  action.sa_handler = on_checkpoint_signal;
  action.sa_flags = SA_RESTART;
  sigaction(SIGUSR1, &action, nullptr);
  action.sa_flags = 0;
  action.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &action, nullptr);
}

bool stop_requested() { return requested != 0; }

bool checkpoint_requested() {
  if (checkpoint_wanted == 0) return false;
  checkpoint_wanted = 0;
  return true;
}

}  // namespace dropmuon
