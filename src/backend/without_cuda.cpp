// SPDX-License-Identifier: MIT
// Stands in for cuda/ in a program built without it.
#include "cuda/make_backend.h"
#include <dropmuon/core/error.h>

namespace dropmuon::cuda {
namespace {

constexpr const char* kAbsent = "this program was built without the CUDA backend";

}  // namespace

std::string unavailable_reason(int /*index*/) { return kAbsent; }

std::vector<std::string> describe_devices() { return {std::string("not available: ") + kAbsent}; }

std::vector<std::pair<std::string, std::string>> library_versions() { return {}; }

std::unique_ptr<Backend> make_backend(int /*index*/, const DeviceRequest& /*request*/) {
  fail(ExitCode::internal, "{}", kAbsent);
}

}  // namespace dropmuon::cuda
