// SPDX-License-Identifier: MIT
// Runs the real program and looks at what a user would see.
#pragma once

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include "source_dir.h"

namespace dropmuon {

struct Outcome {
  int code = -1;       // exit code, or 128 + signal
  std::string output;  // standard output and error together
};

// The program of this build or, for tests linked with an emulated device, its twin that has one.
// Both are made of the same objects; only the test programs proper are called test_*.
inline std::string program() {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").filename();
  if (!self.starts_with("test_")) return DROPMUON_SIMT_PROGRAM;
  return from_environment("DROPMUON_TEST_PROGRAM", DROPMUON_PROGRAM);
}

// In front of a command: whatever GPU there is, the program does not see it.
inline constexpr const char* kHideGpu = "CUDA_VISIBLE_DEVICES= SIMT_NO_DEVICE=1 ";

// `script` as typed in a shell.
inline Outcome run_script(const std::string& script) {
  const std::string command = "{ " + script + "\n} 2>&1";
  Outcome outcome;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return outcome;
  std::array<char, 4096> chunk{};
  while (const std::size_t count = std::fread(chunk.data(), 1, chunk.size(), pipe)) {
    outcome.output.append(chunk.data(), count);
  }
  const int status = pclose(pipe);
  outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return outcome;
}

inline Outcome run_program(const std::string& arguments) {
  return run_script(program() + " " + arguments);
}

// A folder of its own for each test, with a config that trains the synthetic set in a second.
class Sandbox {
 public:
  Sandbox() {
    std::string pattern = (std::filesystem::temp_directory_path() / "dropmuon-cli-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
    write("good.yaml", fmt::format("name: small\nruns_dir: {}/runs\n"
                                   "data: {{dataset: synthetic, train_limit: 400}}\n"
                                   "model: {{channels: [4, 6]}}\n"
                                   "train: {{epochs: 2, batch_size: 40}}\n",
                                   path_));
  }
  ~Sandbox() { std::filesystem::remove_all(path_); }
  std::string write(const std::string& name, const std::string& content) const {
    std::filesystem::create_directories(std::filesystem::path(path_ + "/" + name).parent_path());
    std::ofstream(path_ + "/" + name, std::ios::binary) << content;
    return path_ + "/" + name;
  }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  std::string config() const { return path_ + "/good.yaml"; }

  // The only run folder under runs/small.
  std::string only_run() const {
    std::string found;
    for (const auto& entry : std::filesystem::directory_iterator(path_ + "/runs/small")) {
      found = entry.path().string();
    }
    return found;
  }
  static std::string read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  std::string path_;
};

}  // namespace dropmuon
