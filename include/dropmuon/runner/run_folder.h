// SPDX-License-Identifier: MIT
// runs/<name>/<UTC stamp>-<config hash>/: everything one run leaves behind.
#pragma once

#include <string>

#include <dropmuon/core/file_lock.h>
#include <dropmuon/runner/config.h>

namespace dropmuon {

// Files: config.yaml (resolved), provenance.json (of the process that began the run; one line for
// each that went on with it is in provenance_resume.jsonl), metrics.csv, metrics.jsonl, log.txt,
// checkpoints/, and STATUS, one word: waiting (a job of a sweep that has not begun), running, done,
// stopped, diverged, failed. At its end summary.json, and weights.safetensors unless it diverged;
// if it failed error.txt.
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
  void set_status(const std::string& status) const { write("STATUS", status + "\n"); }
  std::string status() const;  // "" if there is none
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
