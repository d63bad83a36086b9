// SPDX-License-Identifier: MIT
#include "print.h"

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <poll.h>
#include <unistd.h>

#include <dropmuon/core/error.h>

namespace dropmuon {

void print(const std::string& text) {
  if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0) {
    fail(ExitCode::cannot_write, "cannot write to standard output");
  }
}

bool draws_on_standard_error() {
  const char* terminal = std::getenv("TERM");
  const std::string_view name = terminal == nullptr ? "" : terminal;
  return isatty(STDERR_FILENO) != 0 && !name.empty() && name != "dumb";
}

bool can_write(int file) {
  pollfd asked = {.fd = file, .events = POLLOUT, .revents = 0};
  return poll(&asked, 1, 0) == 1 && (asked.revents & POLLOUT) != 0;
}

}  // namespace dropmuon
