// SPDX-License-Identifier: MIT
// Stands in for cuda/ in a program built without it.
#include <cstdlib>

#include "cuda/make_backend.h"
#include <dropmuon/core/error.h>

namespace dropmuon::cuda {
namespace {

// A launcher that had to take this program for want of a library says which one.
std::string absent() {
  const char* why = std::getenv("DROPMUON_WITHOUT_CUDA");
  if (why != nullptr && *why != '\0') return why;
  return "this program was built without the CUDA backend";
}

}  // namespace

std::string unavailable_reason(int /*index*/) { return absent(); }

std::vector<std::string> describe_devices() { return {"not available: " + absent()}; }

std::vector<std::pair<std::string, std::string>> library_versions() { return {}; }

std::unique_ptr<Backend> make_backend(int /*index*/, const DeviceRequest& /*request*/) {
  fail(ExitCode::internal, "{}", absent());
}

}  // namespace dropmuon::cuda
