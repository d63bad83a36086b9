// SPDX-License-Identifier: MIT
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <dropmuon/core/error.h>
#include <dropmuon/core/file_lock.h>
#include <dropmuon/core/file_system.h>
#include <dropmuon/core/log.h>

namespace dropmuon {
namespace {

bool says_no_locks(int error) { return is_unsupported(error) || error == ENOLCK || error == EBADF; }

}  // namespace

LockFile::LockFile(std::string path, Missing missing) : path_(std::move(path)) {
  const int create = missing == Missing::create ? O_CREAT : 0;
  file_ = ::open(path_.c_str(), O_RDWR | create | O_CLOEXEC, 0644);
  if (file_ < 0 && missing == Missing::create) {
    fail(ExitCode::cannot_write, "cannot lock {}: {}", path_, std::strerror(errno));
  }
}

LockFile::~LockFile() {
  if (is_open()) ::close(file_);
}

LockAnswer LockFile::try_to_take() { return take(LOCK_EX | LOCK_NB); }

LockAnswer LockFile::wait_and_take() { return take(LOCK_EX); }

LockAnswer LockFile::take(int how) {
  while (::flock(file_, how) != 0) {
    if (errno == EINTR) continue;
    if (errno == EWOULDBLOCK) return LockAnswer::busy;
    if (says_no_locks(errno)) return LockAnswer::not_there;
    fail(ExitCode::cannot_write, "cannot lock {}: {}", path_, std::strerror(errno));
  }
  return LockAnswer::taken;
}

void warn_without_lock(const std::string& folder) {
  static std::atomic<bool> said = false;
  if (said.exchange(true)) return;
  log::warning("this file system has no locks: do not run two processes in {}", folder);
}

}  // namespace dropmuon
