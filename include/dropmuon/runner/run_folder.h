// SPDX-License-Identifier: MIT
// runs/<name>/<UTC stamp>-<config hash>/: everything one run leaves behind. The names of its files
// are in core/run_files.h.
#pragma once

#include <optional>
#include <string>

#include <dropmuon/config/config.h>
#include <dropmuon/core/file_lock.h>
#include <dropmuon/core/run_files.h>

namespace dropmuon {

// The word in STATUS.
enum class RunStatus {
  waiting,  // a job of a sweep that has not begun
  running,  // or was killed
  done,
  stopped,
  diverged,
  failed,
};
const std::string& name_of(RunStatus status);
std::optional<RunStatus> run_status_of(const std::string& word);
inline bool is_final(RunStatus status) {  // the others can go on
  return status == RunStatus::done || status == RunStatus::diverged;
}

class RunFolder {
 public:
  // A new folder, never an existing one. Throws Error(cannot_write).
  static RunFolder create(const RunConfig& config);
  // One that is there. Throws Error(missing_input).
  static RunFolder open(const std::string& path);
  // The newest run of exactly this configuration and data folder that has not ended, or else that
  // has. Other values that do not decide what is computed are those of the run: a warning names
  // them. Throws Error(missing_input), or Error(bad_config) if there are only runs on other data.
  static RunFolder latest(const RunConfig& config);

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

  // Replaces the file as a whole: readers see the old text or the new. Throws Error(cannot_write).
  void write(const std::string& name, const std::string& text) const;
  void set_status(RunStatus status) const;
  std::optional<RunStatus> status() const;  // none: no such file, or another word
  std::string status_word() const;          // as it stands there; "" if there is none
  // Whether another process is at work in it, as far as locks can tell.
  static bool is_locked(const std::string& path);
  // Of config.yaml as it stands there. Throws as load_config() does.
  ConfigHashes config_hashes() const;

 private:
  explicit RunFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// One process at a time works in a folder; the lock goes when the process does. Throws
// Error(cannot_write) if another one holds it; where the file system has no locks it warns.
class FolderLock {
 public:
  explicit FolderLock(const std::string& folder);

 private:
  LockFile file_;
};

}  // namespace dropmuon
