// SPDX-License-Identifier: MIT
#include "run_attempt.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <fstream>

#include <fmt/chrono.h>
#include <fmt/ranges.h>

#include <dropmuon/core/error.h>

namespace dropmuon {

std::string end_text(const ChildEnd& end, const std::string& said) {
  if (end.signal != 0) {
    return fmt::format("killed by signal {} ({}){}", end.signal, strsignal(end.signal),
                       end.signal == SIGKILL ? "; out of memory?" : "");
  }
  return said.empty() ? fmt::format("exit code {}", end.code) : said;
}

Again after(const ChildEnd& end) {
  const bool may_pass = end.signal != 0 || end.code == static_cast<int>(ExitCode::internal) ||
                        end.code == static_cast<int>(ExitCode::cannot_write);
  return may_pass ? Again::if_tries_are_left : Again::no;
}

std::uintmax_t note_start(const ChildCommand& command) {
  const std::string& log = command.log;
  std::ofstream stream(log, std::ios::app);
  stream << fmt::format("{:%Y-%m-%dT%H:%M:%SZ} dropmuon {}", fmt::gmtime(std::time(nullptr)),
                        fmt::join(command.arguments, " "));
  if (!command.cpus.empty()) stream << fmt::format(" on CPUs {}", fmt::join(command.cpus, ","));
  if (!command.setting.empty()) stream << " with " << command.setting;
  stream << std::endl;
  if (!stream) fail(ExitCode::cannot_write, "cannot write {}: {}", log, std::strerror(errno));
  return static_cast<std::uintmax_t>(stream.tellp());
}

bool takes_any_board(const RunConfig& config) {
  const std::string& device = config.device.device;
  return device != "cpu" && device.find(':') == std::string::npos;
}

}  // namespace dropmuon
