// SPDX-License-Identifier: MIT
#include <csignal>

#include <dropmuon/core/log.h>

#define CATCH_CONFIG_RUNNER
#include "catch.h"

int main(int argc, char** argv) {
  // Under nohup, or in the background of a script, the programs under test would inherit deafness.
  for (const int signal : {SIGHUP, SIGINT, SIGQUIT}) std::signal(signal, SIG_DFL);
  dropmuon::log::set_level(dropmuon::log::Level::off);
  return Catch::Session().run(argc, argv);
}
