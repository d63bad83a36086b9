// SPDX-License-Identifier: MIT
// Values of OMP_WAIT_POLICY and GOMP_SPINCOUNT are read as the OpenMP runtime reads them.
#include "catch.h"
#include <dropmuon/core/waiting.h>

using namespace dropmuon;

TEST_CASE("a wait policy is one of two words, in any letters and with blanks around") {
  for (const char* good : {"active", "passive", " ACTIVE\t", "\nPassive "}) {
    CAPTURE(good);
    CHECK(is_wait_policy(good));
  }
  for (const char* bad : {"", " ", "1", "true", "activ", "actives", "active x", "passive,"}) {
    CAPTURE(bad);
    CHECK_FALSE(is_wait_policy(bad));
  }
}

TEST_CASE("a spin count is a number with a unit, or has no end") {
  for (const char* good :
       {"0", "77", " 12 ", "+5", "3k", "3 K ", "2M", "1g", "5t", "-0", "18446744073709551615"}) {
    CAPTURE(good);
    CHECK(spins_of(good) == Spins::counted);
  }
  for (const char* endless : {"infinite", " INFINITY ", "-1", " -3k"}) {
    CAPTURE(endless);
    CHECK(spins_of(endless) == Spins::endless);
  }
  for (const char* bad :
       {"", "  ", "foo", "abc", "k", "-", "-k", "3kk", "5q", "1e5", "1.5", "0x10", "1 2", "infinit",
        "infinites", "18446744073709551616", "99999999999999999999"}) {
    CAPTURE(bad);
    CHECK(spins_of(bad) == Spins::not_understood);
  }
}
