// SPDX-License-Identifier: MIT
#include "pool.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <dropmuon/backend/factory.h>
#include <dropmuon/core/error.h>
#include <dropmuon/core/processors.h>

namespace dropmuon {
namespace {

// All that the child needs after fork(), made before it: between fork() and exec() only
// async-signal-safe calls are allowed.
struct Prepared {
  explicit Prepared(const ChildCommand& command);
  ~Prepared() {
    for (const int file : {log, input}) {
      if (file >= 0) ::close(file);
    }
  }
  Prepared(const Prepared&) = delete;
  Prepared& operator=(const Prepared&) = delete;

  std::vector<std::string> words;
  std::vector<std::string> settings;
  std::vector<char*> arguments;
  std::vector<char*> environment;
  ProcessorSet cpus;
  int log = -1;
  int input = -1;
  pid_t parent = getpid();
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

// OpenMP may have bound this process's thread to one processor: a child inherits that if it is not
// told otherwise.
Prepared::Prepared(const ChildCommand& command)
    : cpus(command.cpus.empty() ? processors().usable : command.cpus) {
  words.push_back("dropmuon");
  words.insert(words.end(), command.arguments.begin(), command.arguments.end());
  arguments = pointers(words);
  // A pinned child is bound by its share: lists of processors for all of this process would differ.
  std::vector<std::string> replaced = {command.setting.substr(0, command.setting.find('=') + 1)};
  if (!command.cpus.empty()) replaced.insert(replaced.end(), {"OMP_PLACES=", "GOMP_CPU_AFFINITY="});
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const bool kept = std::none_of(replaced.begin(), replaced.end(), [&](const auto& name) {
      return !name.empty() && std::string_view(*entry).starts_with(name);
    });
    if (kept) settings.push_back(*entry);
  }
  if (!command.setting.empty()) settings.push_back(command.setting);
  environment = pointers(settings);
  log = ::open(command.log.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (log < 0) {
    fail(ExitCode::cannot_write, "cannot write {}: {}", command.log, std::strerror(errno));
  }
  input = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

[[noreturn]] void give_up(const char* what, const char* program) {
  const char* reason = strerrordesc_np(errno);  // strerror() is not async-signal-safe
  for (const char* text : {what, " ", program, ": ", reason == nullptr ? "?" : reason, "\n"}) {
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text, std::strlen(text));
  }
  _exit(127);
}

[[noreturn]] void become(const Prepared& prepared, const char* program) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != prepared.parent) _exit(kSignalledExit + SIGTERM);  // it died before prctl()
  struct sigaction ignore = {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGUSR1, &ignore, nullptr);  // until the program says what it does
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);  // whoever starts jobs may block what ends them
  if (dup2(prepared.input, STDIN_FILENO) < 0 || dup2(prepared.log, STDOUT_FILENO) < 0 ||
      dup2(prepared.log, STDERR_FILENO) < 0) {
    _exit(127);
  }
  if (!prepared.cpus.confine()) give_up("cannot pin", program);
  execve(program, prepared.arguments.data(), prepared.environment.data());
  give_up("cannot start", program);
}

}  // namespace

ChildProcess::ChildProcess(const ChildCommand& command) {
  const Prepared prepared(command);
  pid_ = fork();
  if (pid_ == 0) become(prepared, command.program.c_str());
  if (pid_ < 0) fail(ExitCode::internal, "cannot start a process: {}", std::strerror(errno));
}

ChildProcess::~ChildProcess() {
  send(SIGTERM);
  int status = 0;
  while (!end_ && waitpid(pid_, &status, 0) < 0 && errno == EINTR) continue;
}

std::optional<ChildEnd> ChildProcess::poll() {
  int status = 0;
  if (end_) return end_;
  const pid_t found = waitpid(pid_, &status, WNOHANG);
  if (found == pid_) {
    end_ = WIFSIGNALED(status) ? ChildEnd{.code = 0, .signal = WTERMSIG(status)}
                               : ChildEnd{.code = WEXITSTATUS(status), .signal = 0};
  } else if (found < 0 && errno != EINTR) {
    fail(ExitCode::internal, "lost sight of process {}: {}", pid_, std::strerror(errno));
  }
  return end_;
}

void ChildProcess::send(int signal) {
  if (!end_) ::kill(pid_, signal);
}

}  // namespace dropmuon
