// SPDX-License-Identifier: MIT
#include <dropmuon/core/error.h>
#include <dropmuon/core/text.h>

namespace dropmuon {

Error::Error(ExitCode code, const std::string& message, const std::string& excerpt)
    : std::runtime_error(controls_named(message) + (excerpt.empty() ? "" : "\n" + excerpt)),
      code_(code) {}

void check_failed(const char* expression, const char* file, int line, const std::string& message) {
  fail(ExitCode::internal, "internal error: {} ({} is false at {}:{})", message, expression, file,
       line);
}

}  // namespace dropmuon
