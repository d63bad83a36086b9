// SPDX-License-Identifier: MIT
#include <dropmuon/core/error.h>
#include <dropmuon/core/text.h>

namespace dropmuon {
namespace {

constexpr ExitCodeMeaning kExitCodes[] = {
    {ExitCode::ok, "done; also `compare` where no run reached the target: that is a result"},
    {ExitCode::usage, "usage"},
    {ExitCode::bad_data,
     "bad data, other data than the run's, damaged checkpoint or run folder, runs that cannot be "
     "compared"},
    {ExitCode::missing_input, "file missing or not to be read"},
    {ExitCode::no_device,
     "device not available: no GPU, no driver, or a build without GPU support"},
    {ExitCode::internal, "internal error, out of memory; jobs of a sweep failed"},
    {ExitCode::cannot_write, "cannot write, or another process is at work in the folder"},
    {ExitCode::stopped,
     "stopped by a signal after finishing its step, resumable; or a sweep with jobs left"},
    {ExitCode::diverged, "diverged"},
    {ExitCode::bad_config, "bad configuration"},
};

}  // namespace

std::span<const ExitCodeMeaning> exit_codes() { return kExitCodes; }

Error::Error(ExitCode code, const std::string& message, const std::string& excerpt)
    : std::runtime_error(controls_named(message) + (excerpt.empty() ? "" : "\n" + excerpt)),
      code_(code) {}

void check_failed(const char* expression, const char* file, int line, const std::string& message) {
  fail(ExitCode::internal, "internal error: {} ({} is false at {}:{})", message, expression, file,
       line);
}

}  // namespace dropmuon
