// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <fmt/chrono.h>
#include <sys/file.h>
#include <unistd.h>

#include <dropmuon/core/error.h>
#include <dropmuon/runner/run_folder.h>

namespace dropmuon {
namespace fs = std::filesystem;

RunFolder RunFolder::create(const RunConfig& config) {
  const std::string stamp = fmt::format("{:%Y%m%dT%H%M%SZ}", fmt::gmtime(std::time(nullptr)));
  const fs::path parent = fs::path(config.runs_dir) / config.name;
  std::error_code error;
  fs::create_directories(parent, error);
  if (error) {
    fail(ExitCode::cannot_write, "cannot create the run folder {}: {}", parent.string(),
         error.message());
  }
  // Two runs of one configuration in the same second get a number.
  for (int attempt = 1; attempt <= 1000; ++attempt) {
    const std::string suffix = attempt == 1 ? "" : fmt::format("-{}", attempt);
    const fs::path folder = parent / fmt::format("{}-{}{}", stamp, config_hash(config), suffix);
    if (fs::create_directory(folder, error)) return RunFolder(folder.string());
    if (error) {
      fail(ExitCode::cannot_write, "cannot create the run folder {}: {}", folder.string(),
           error.message());
    }
  }
  fail(ExitCode::cannot_write, "no free run folder name in {}", parent.string());
}

RunFolder RunFolder::open(const std::string& path) {
  std::error_code ignored;
  if (!fs::is_regular_file(fs::path(path) / "config.yaml", ignored)) {
    fail(ExitCode::missing_input, "no run folder {} (it would hold a config.yaml)", path);
  }
  return RunFolder(fs::path(path).string());
}

RunFolder RunFolder::latest(const RunConfig& config) {
  const fs::path parent = fs::path(config.runs_dir) / config.name;
  std::string newest;  // the names begin with the time
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(parent, ignored)) {
    if (fs::is_regular_file(entry.path() / "config.yaml", ignored)) {
      newest = std::max(newest, entry.path().string());
    }
  }
  if (newest.empty()) {
    fail(ExitCode::missing_input, "no run to go on with in {}; start one without --resume",
         parent.string());
  }
  return RunFolder(newest);
}

std::string RunFolder::status() const {
  std::ifstream stream(file("STATUS"));
  std::string word;
  stream >> word;
  return word;
}

void RunFolder::write(const std::string& name, const std::string& text) const {
  const std::string target = file(name);
  const std::string temporary = target + ".tmp";
  std::ofstream stream(temporary, std::ios::binary | std::ios::trunc);
  stream << text;
  stream.close();
  if (!stream || std::rename(temporary.c_str(), target.c_str()) != 0) {
    const int reason = errno;
    std::error_code ignored;
    fs::remove(temporary, ignored);
    fail(ExitCode::cannot_write, "cannot write {}: {}", target, std::strerror(reason));
  }
}

FolderLock::FolderLock(const std::string& folder)
    : file_(::open((folder + "/.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
  if (file_ >= 0 && ::flock(file_, LOCK_EX | LOCK_NB) == 0) return;
  const int reason = errno;
  if (file_ >= 0) ::close(file_);
  if (reason == EWOULDBLOCK) {
    fail(ExitCode::cannot_write, "another process is at work in {}", folder);
  }
  fail(ExitCode::cannot_write, "cannot lock {}: {}", folder, std::strerror(reason));
}

FolderLock::~FolderLock() { ::close(file_); }

}  // namespace dropmuon
