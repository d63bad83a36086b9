// SPDX-License-Identifier: MIT
// Where the files are that tests read. A folder for another machine carries its own copy of them,
// and names it and its program in the environment: the places of the build mean nothing there.
#pragma once

#include <cstdlib>
#include <string>

namespace dropmuon {

inline std::string from_environment(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : otherwise;
}

inline std::string source_dir() {
  return from_environment("DROPMUON_TEST_SOURCE", DROPMUON_SOURCE_DIR);
}

}  // namespace dropmuon
