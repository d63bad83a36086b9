// SPDX-License-Identifier: MIT
#include "test_backend.h"

#include <cstdlib>

namespace dropmuon {

std::string test_device() {
  const char* device = std::getenv("DROPMUON_TEST_DEVICE");
  return device != nullptr && *device != '\0' ? device : "cpu";
}

bool testing_cpu() { return test_device() == "cpu"; }

std::unique_ptr<Backend> test_backend(int threads) {
  return make_backend({.device = test_device(), .threads = threads});
}

}  // namespace dropmuon
