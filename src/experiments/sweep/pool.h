// SPDX-License-Identifier: MIT
// Child processes, each pinned to its share of the CPUs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace dropmuon {

// The CPUs that this process may use and that a container's quota pays for; those of one core, and
// the cores of one socket, are neighbours.
std::vector<int> usable_cpus();

// `count` sets of equal size, neighbours together; CPUs that are left over stay idle. Throws
// Error(usage) for more sets than CPUs.
std::vector<std::vector<int>> split_cpus(const std::vector<int>& cpus, int count);

struct ChildCommand {
  std::string program;
  std::vector<std::string> arguments;
  std::string log;        // standard output and error are appended to it
  std::vector<int> cpus;  // it may use no others; empty: all that this process may use
  std::string setting;    // "NAME=VALUE" for its environment, or ""
};

struct ChildEnd {
  int code = 0;
  int signal = 0;  // that killed it, or 0
};

// A process in a group of its own, so that the terminal's Ctrl-C does not reach it, which gets
// SIGTERM when this one dies, however that happens. SIGUSR1 does nothing to it until it handles it.
// The destructor ends it with SIGTERM and waits.
class ChildProcess {
 public:
  explicit ChildProcess(const ChildCommand& command);  // throws Error(cannot_write)
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  std::optional<ChildEnd> poll();  // once it has ended; the same ever after
  void send(int signal);           // nothing happens after its end

 private:
  pid_t pid_ = -1;
  std::optional<ChildEnd> end_;
};

}  // namespace dropmuon
