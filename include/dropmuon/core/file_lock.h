// SPDX-License-Identifier: MIT
// A lock that goes when its process does, and what to do where the file system has none.
#pragma once

#include <string>

namespace dropmuon {

// The answer of a lock that is not waited for. Some file systems have no locks (Lustre without
// `flock`, some NFS and FUSE): there work goes on without, after one warning per process.
enum class LockAnswer { taken, busy, not_there };

// An open file to lock; everybody opens it anew, and the lock ends with the object. Whoever copies
// the number must not.
class LockFile {
 public:
  enum class Missing { create, stays_missing };
  // Throws Error(cannot_write) if it cannot be opened; with `stays_missing` is_open() says so.
  LockFile(std::string path, Missing missing);
  ~LockFile();
  LockFile(const LockFile&) = delete;
  LockFile& operator=(const LockFile&) = delete;

  bool is_open() const { return file_ >= 0; }
  // Both throw Error(cannot_write) for any other reason than that another process has it.
  LockAnswer try_to_take();
  LockAnswer wait_and_take();

 private:
  LockAnswer take(int how);
  std::string path_;
  int file_;
};

// "This file system has no locks: do not run two processes in ..", once per process.
void warn_without_lock(const std::string& folder);

}  // namespace dropmuon
