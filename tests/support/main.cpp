// SPDX-License-Identifier: MIT
#include <dropmuon/core/log.h>

#define CATCH_CONFIG_RUNNER
#include "catch.h"

int main(int argc, char** argv) {
  dropmuon::log::set_level(dropmuon::log::Level::off);
  return Catch::Session().run(argc, argv);
}
