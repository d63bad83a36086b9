// SPDX-License-Identifier: MIT
// A sweep of the real program in a folder of its own; what was started there ends with it.
#pragma once

#include <csignal>
#include <string>

#include "program.h"

namespace dropmuon {

// Ends all processes with `path`, the folder of a test, in their command line.
inline void stop_all_in(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream file(entry.path() / "cmdline", std::ios::binary);
    const std::string words{std::istreambuf_iterator<char>(file), {}};
    const pid_t pid = std::stoi(name);
    if (pid != getpid() && words.find(path) != std::string::npos) ::kill(pid, SIGKILL);
  }
}

class SweepSandbox : public Sandbox {
 public:
  explicit SweepSandbox(const std::string& text = "seeds: 2\n") {
    file = write("s.yaml", "name: s\nruns_dir: " + (*this / "runs") + "\nbase: good.yaml\n" + text);
  }
  ~SweepSandbox() { stop_all_in(*this / ""); }
  std::string folder() const { return *this / "runs/s"; }
  std::string job(const std::string& label) const { return folder() + "/" + label; }
  std::string status(const std::string& label) const { return read(job(label) + "/STATUS"); }
  Outcome sweep(const std::string& arguments) const {
    return run_program("sweep " + file + " " + arguments);
  }
  // The sweep in the background of a script that goes on when its jobs are in their first steps.
  Outcome while_running(const std::string& arguments, const std::string& script) const {
    return run_script(
        fmt::format("{} sweep {} train.epochs=1000000 checkpoint.every_epochs=1000 {} &\nsweep=$!\n"
                    "for i in $(seq 2400); do\n"
                    "  begun=$(ls {}/*/metrics.csv 2>/dev/null) && break; sleep 0.05\n"
                    "done\n"
                    "if [ -z \"$begun\" ]; then\n"
                    "  kill -KILL $sweep; wait $sweep; echo no job began in 120 s; exit 99\n"
                    "fi\n"
                    "sleep 0.2\n{}",
                    program(), file, arguments, folder(), script));
  }
  std::string file;
};

}  // namespace dropmuon
