// SPDX-License-Identifier: MIT
#include <algorithm>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <sstream>
#include <thread>

#include <fmt/chrono.h>

#include <dropmuon/core/error.h>
#include <dropmuon/core/file_system.h>
#include <dropmuon/runner/run_folder.h>

namespace dropmuon {
namespace fs = std::filesystem;
namespace {

bool holds_run(const fs::path& folder) {
  std::error_code ignored;
  return fs::is_regular_file(folder / "config.yaml", ignored);
}

// What was probably meant by a path that is no run folder: the run around a checkpoint or a file,
// the sweep, or a run in the folder; "" if there is no such.
std::string folder_hint(const std::string& path) {
  std::error_code ignored;
  constexpr int kLevels = 3;  // RUN/checkpoints/step_00000010/weights.safetensors
  fs::path at = fs::path(path).lexically_normal();
  if (!at.has_filename()) at = at.parent_path();  // "x/"
  for (int level = 0; level < kLevels && at.has_relative_path(); ++level) {
    at = at.parent_path();
    if (holds_run(at)) return fmt::format("; it is part of the run {}, name that", at.string());
  }
  std::string newest;
  for (const fs::directory_entry& entry : fs::directory_iterator(path, ignored)) {
    if (holds_run(entry.path())) newest = std::max(newest, entry.path().string());
  }
  if (fs::exists(fs::path(path) / "sweep.yaml", ignored)) {
    return "; it is the folder of a sweep, which goes on with `dropmuon sweep FILE`";
  }
  return newest.empty() ? "" : fmt::format("; name one of the runs in it, such as {}", newest);
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
  const std::string config = path + "/config.yaml";
  if (!FileSystem::real().exists(config) || !fs::is_regular_file(config, ignored)) {
    fail(ExitCode::missing_input, "no run folder {} (it would hold a config.yaml){}", path,
         folder_hint(path));
  }
  return RunFolder(fs::path(path).string());
}

std::string RunFolder::status() const {
  FileSystem& files = FileSystem::real();
  std::istringstream stream(files.exists(file("STATUS")) ? files.read_file(file("STATUS")) : "");
  std::string word;
  stream >> word;
  return word;
}

ConfigHashes RunFolder::config_hashes() const {
  const std::string path = file("config.yaml");
  return dropmuon::config_hashes(load_config(path, {}), FileSystem::real().read_file(path));
}

void RunFolder::write(const std::string& name, const std::string& text) const {
  FileSystem::real().replace_file(file(name), text);
}

// Others hold it for a moment when they only look whether it is free.
FolderLock::FolderLock(const std::string& folder)
    : file_(folder + "/.lock", LockFile::Missing::create) {
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
