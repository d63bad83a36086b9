// SPDX-License-Identifier: MIT
// The program's log: to standard error, and to a run's log.txt while one is open.
#pragma once

#include <string>
#include <utility>

#include <fmt/format.h>

namespace dropmuon::log {

enum class Level { info, warning, off };

void set_level(Level level);  // what standard error shows; a log file always gets info and up
void open_file(const std::string& path);
void close_file();
void write(Level level, const std::string& message);  // one line: control characters are named

template <typename... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::info, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::warning, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace dropmuon::log
