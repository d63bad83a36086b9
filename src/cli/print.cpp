// SPDX-License-Identifier: MIT
#include "print.h"

#include <cstdio>

#include <dropmuon/core/error.h>

namespace dropmuon {

void print(const std::string& text) {
  if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0) {
    fail(ExitCode::cannot_write, "cannot write to standard output");
  }
}

}  // namespace dropmuon
