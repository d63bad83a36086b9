// SPDX-License-Identifier: MIT
#include <memory>

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <dropmuon/core/error.h>
#include <dropmuon/core/log.h>
#include <dropmuon/core/text.h>

namespace dropmuon::log {
namespace {

struct Sinks {
  std::shared_ptr<spdlog::sinks::stderr_sink_mt> console =
      std::make_shared<spdlog::sinks::stderr_sink_mt>();
  std::shared_ptr<spdlog::sinks::basic_file_sink_mt> file;
  Sinks() { console->set_pattern("%v"); }
};

Sinks& sinks() {
  static Sinks instance;
  return instance;
}

spdlog::level::level_enum native(Level level) {
  switch (level) {
    case Level::info:
      return spdlog::level::info;
    case Level::warning:
      return spdlog::level::warn;
    case Level::off:
      return spdlog::level::off;
  }
  return spdlog::level::off;
}

}  // namespace

void set_level(Level level) { sinks().console->set_level(native(level)); }

void open_file(const std::string& path) {
  try {
    sinks().file = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path);
  } catch (const spdlog::spdlog_ex& error) {
    fail(ExitCode::cannot_write, "cannot write {}: {}", path, error.what());
  }
  sinks().file->set_formatter(std::make_unique<spdlog::pattern_formatter>(
      "%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc));
  sinks().file->set_level(spdlog::level::info);
}

void close_file() { sinks().file.reset(); }

void write(Level level, const std::string& message) {
  for (spdlog::sinks::sink* sink : {static_cast<spdlog::sinks::sink*>(sinks().console.get()),
                                    static_cast<spdlog::sinks::sink*>(sinks().file.get())}) {
    if (sink == nullptr || !sink->should_log(native(level))) continue;
    const bool say_level =
        sink == sinks().console.get() && level == Level::warning;  // the file does
    const std::string text = (say_level ? "warning: " : "") + controls_named(message);
    const spdlog::details::log_msg entry("dropmuon", native(level), text);
    try {
      sink->log(entry);
      sink->flush();
    } catch (const spdlog::spdlog_ex& error) {
      if (sink == sinks().console.get()) continue;  // a terminal that went away
      fail(ExitCode::cannot_write, "cannot write the log: {}", error.what());
    }
  }
}

}  // namespace dropmuon::log
