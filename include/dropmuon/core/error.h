// SPDX-License-Identifier: MIT
// The one exception type of the project and the exit codes it carries to the shell.
#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace dropmuon {

// Exit codes follow sysexits.h where it has a fitting one; exit_codes() says what they mean.
enum class ExitCode {
  ok = 0,
  usage = 2,
  bad_data = 65,
  missing_input = 66,
  no_device = 69,
  internal = 70,
  cannot_write = 73,
  stopped = 75,
  diverged = 76,
  bad_config = 78,
};

// The one list of them, in order; help and documents show it.
struct ExitCodeMeaning {
  ExitCode code;
  const char* meaning;
};
std::span<const ExitCodeMeaning> exit_codes();

// Plus the number of a signal: one that ended the process at once, the first being served already.
inline constexpr int kSignalledExit = 128;

// What went wrong, in one line for a person: expected, found, what to do. It is one line whatever
// the texts that it quotes: control characters in it are named. `excerpt` is shown below it as it
// is.
class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message, const std::string& excerpt = "");
  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

template <typename... Args>
[[noreturn]] void fail(ExitCode code, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(code, fmt::format(format, std::forward<Args>(args)...));
}

[[noreturn]] void check_failed(const char* expression, const char* file, int line,
                               const std::string& message);

}  // namespace dropmuon

// Contract of a function: a failure is a bug in the caller, never bad user input.
#define DM_CHECK(condition, ...)                                                          \
  do {                                                                                    \
    if (!(condition)) {                                                                   \
      ::dropmuon::check_failed(#condition, __FILE__, __LINE__, fmt::format(__VA_ARGS__)); \
    }                                                                                     \
  } while (false)
