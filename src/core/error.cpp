// SPDX-License-Identifier: MIT
#include <dropmuon/core/error.h>

namespace dropmuon {

void check_failed(const char* expression, const char* file, int line, const std::string& message) {
  fail(ExitCode::internal, "internal error: {} ({} is false at {}:{})", message, expression, file,
       line);
}

}  // namespace dropmuon
