// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <sstream>
#include <thread>

#include <fmt/chrono.h>

#include <dropmuon/core/error.h>
#include <dropmuon/core/file_system.h>
#include <dropmuon/core/run_hint.h>
#include <dropmuon/core/text.h>
#include <dropmuon/runner/run_folder.h>

namespace dropmuon {
namespace fs = std::filesystem;
namespace {

const std::array<std::string, 6> kStatusWords = {"waiting", "running",  "done",
                                                 "stopped", "diverged", "failed"};

// Whoever names a configuration there means the newest run of it.
std::string hint_for_file(const std::string& path) {
  std::error_code ignored;
  const bool is_config = path.ends_with(".yaml") || path.ends_with(".yml");
  if (!is_config || !fs::is_regular_file(path, ignored)) return hint_for_run(path);
  return fmt::format(
      "; `dropmuon train --resume latest {}` finds the newest run of a configuration",
      shell_quoted(path));
}

// Durably: or a power cut takes the folder, and all checkpoints in it.
fs::path make_new_folder(const fs::path& parent, const std::string& name) {
  FileSystem& files = FileSystem::real();
  files.create_folders(parent.string());
  // Two runs of one configuration in the same second get a number.
  for (int attempt = 1; attempt <= 1000; ++attempt) {
    const fs::path folder = parent / (attempt == 1 ? name : fmt::format("{}-{}", name, attempt));
    std::error_code error;
    if (fs::create_directory(folder, error)) {
      try {
        files.sync_folder(parent.string());
      } catch (const Error&) {
        fs::remove(folder, error);
        throw;
      }
      return folder;
    }
    if (error) fail(ExitCode::cannot_write, "{}: {}", folder.string(), error.message());
  }
  fail(ExitCode::cannot_write, "no free name like {} in {}", name, parent.string());
}

}  // namespace

RunFolder RunFolder::create(const RunConfig& config) {
  const std::string stamp = fmt::format("{:%Y%m%dT%H%M%SZ}", fmt::gmtime(std::time(nullptr)));
  const fs::path parent = fs::path(config.runs_dir) / config.name;
  const std::string name = fmt::format("{}-{}", stamp, dropmuon::config_hash(config));
  try {
    return RunFolder(make_new_folder(parent, name).string());
  } catch (const Error& error) {
    fail(ExitCode::cannot_write, "cannot create the run folder: {}", error.what());
  }
}

RunFolder RunFolder::open(const std::string& path) {
  std::error_code ignored;
  const std::string config = path + "/" + run_files::kConfig;
  if (!FileSystem::real().exists(config) || !fs::is_regular_file(config, ignored)) {
    fail(ExitCode::missing_input, "no run folder {} (it would hold a config.yaml){}", path,
         hint_for_file(path));
  }
  return RunFolder(fs::path(path).string());
}

const std::string& name_of(RunStatus status) {
  return kStatusWords[static_cast<std::size_t>(status)];
}

std::optional<RunStatus> run_status_of(const std::string& word) {
  const auto found = std::find(kStatusWords.begin(), kStatusWords.end(), word);
  if (found == kStatusWords.end()) return std::nullopt;
  return static_cast<RunStatus>(found - kStatusWords.begin());
}

void RunFolder::set_status(RunStatus status) const {
  write(run_files::kStatus, name_of(status) + "\n");
}

std::optional<RunStatus> RunFolder::status() const { return run_status_of(status_word()); }

std::string RunFolder::status_word() const {
  FileSystem& files = FileSystem::real();
  const std::string path = file(run_files::kStatus);
  std::istringstream stream(files.exists(path) ? files.read_file(path) : "");
  std::string word;
  stream >> word;
  return word;
}

bool RunFolder::is_locked(const std::string& path) {
  LockFile file(path + "/" + run_files::kLock, LockFile::Missing::stays_missing);
  return file.is_open() && file.try_to_take() == LockAnswer::busy;
}

ConfigHashes RunFolder::config_hashes() const {
  const std::string path = file(run_files::kConfig);
  return dropmuon::config_hashes(load_config(path, {}), FileSystem::real().read_file(path));
}

void RunFolder::write(const std::string& name, const std::string& text) const {
  FileSystem::real().replace_file(file(name), text);
}

// Others hold it for a moment when they only look whether it is free.
FolderLock::FolderLock(const std::string& folder)
    : file_(folder + "/" + run_files::kLock, LockFile::Missing::create) {
  constexpr int kTries = 20;
  constexpr std::chrono::milliseconds kPause(10);
  for (int attempt = 0; attempt < kTries; ++attempt) {
    const LockAnswer answer = file_.try_to_take();
    if (answer == LockAnswer::not_there) warn_without_lock(folder);
    if (answer != LockAnswer::busy) return;
    std::this_thread::sleep_for(kPause);
  }
  fail(ExitCode::cannot_write, "another process is at work in {}", folder);
}

}  // namespace dropmuon
