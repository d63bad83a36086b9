// SPDX-License-Identifier: MIT
// How long a torture is: scripts/test.sh --long, which sets DROPMUON_TEST_LONG=1, runs the whole of
// it, and any other run a short form that keeps every kind of check.
#pragma once

#include <cstdlib>
#include <string_view>

namespace dropmuon {

inline int long_or(int whole, int short_form) {
  const char* asked = std::getenv("DROPMUON_TEST_LONG");
  return asked != nullptr && std::string_view(asked) == "1" ? whole : short_form;
}

}  // namespace dropmuon
