// SPDX-License-Identifier: MIT
// A file system whose n-th system call goes wrong, and which remembers what was asked of it.
#pragma once

#include <cerrno>
#include <csignal>
#include <map>
#include <string>
#include <vector>

#include <dropmuon/core/file_system.h>

enum class Fault {
  none,
  no_space,     // the call fails once with ENOSPC
  io_error,     // the call fails once with EIO
  interrupted,  // the call fails once with EINTR
  short_write,  // a write writes half and says so
  torn_write,   // a write writes half, and the disk is full from then on
  dead_disk,    // the call and all after it fail with EIO
  kill,         // the process is gone before the call
};

class FaultyFileSystem : public dropmuon::FileSystem {
 public:
  // Calls count from 1; arming starts the count anew.
  void arm(Fault fault, int call) {
    fault_ = fault;
    at_ = call;
    calls_ = 0;
    trace_.clear();
  }
  bool reached() const { return calls_ >= at_; }
  int calls() const { return calls_; }
  const std::vector<std::string>& trace() const { return trace_; }  // "fsync latest.tmp-12", ..
  void set_free_space(std::uint64_t bytes) { free_space_ = bytes; }

 protected:
  int sys_open(const char* path, int flags, mode_t mode) override {
    if (fails("open", path)) return -1;
    const int file = FileSystem::sys_open(path, flags, mode);
    names_[file] = path;
    return file;
  }
  ssize_t sys_write(int file, const void* data, std::size_t size) override {
    if (fails("write", names_[file])) return -1;
    const bool half =
        (fault_ == Fault::short_write || fault_ == Fault::torn_write) && calls_ == at_;
    return FileSystem::sys_write(file, data, half ? (size + 1) / 2 : size);
  }
  ssize_t sys_read(int file, void* data, std::size_t size) override {
    if (fails("read", names_[file])) return -1;
    const bool half = fault_ == Fault::short_write && calls_ == at_;
    return FileSystem::sys_read(file, data, half ? (size + 1) / 2 : size);
  }
  int sys_fsync(int file) override {
    return fails("fsync", names_[file]) ? -1 : FileSystem::sys_fsync(file);
  }
  int sys_close(int file) override {  // closes either way, as Linux does
    const bool failed = fails("close", names_[file]);
    const int error = errno;
    const int result = FileSystem::sys_close(file);
    if (failed) errno = error;
    return failed ? -1 : result;
  }
  int sys_mkdir(const char* path, mode_t mode) override {
    return fails("mkdir", path) ? -1 : FileSystem::sys_mkdir(path, mode);
  }
  int sys_rename(const char* from, const char* to) override {
    return fails("rename", from, to) ? -1 : FileSystem::sys_rename(from, to);
  }
  int sys_unlink(const char* path) override {
    return fails("unlink", path) ? -1 : FileSystem::sys_unlink(path);
  }
  int sys_rmdir(const char* path) override {
    return fails("rmdir", path) ? -1 : FileSystem::sys_rmdir(path);
  }
  int sys_access(const char* path) override {
    return fails("access", path) ? -1 : FileSystem::sys_access(path);
  }
  int sys_free_space(const char* path, std::uint64_t* bytes) override {
    if (fails("statvfs", path)) return -1;
    const int result = FileSystem::sys_free_space(path, bytes);
    if (free_space_ > 0) *bytes = free_space_;
    return result;
  }
  int sys_list(const char* path, std::vector<std::string>* names) override {
    return fails("list", path) ? -1 : FileSystem::sys_list(path, names);
  }

 private:
  static std::string last_part(const std::string& path) {
    return path.substr(path.find_last_of('/') + 1);
  }

  bool fails(const std::string& call, const std::string& path, const std::string& to = "") {
    ++calls_;
    trace_.push_back(call + " " + last_part(path) + (to.empty() ? "" : " " + last_part(to)));
    if (fault_ == Fault::kill && calls_ == at_) ::raise(SIGKILL);
    const bool once = calls_ == at_;
    const bool after = calls_ > at_ && at_ > 0;
    const bool grows = call == "write" || call == "open" || call == "mkdir";
    if (fault_ == Fault::no_space && once) return fail_with(ENOSPC);
    if (fault_ == Fault::io_error && once) return fail_with(EIO);
    if (fault_ == Fault::interrupted && once) return fail_with(EINTR);
    if (fault_ == Fault::torn_write && after && grows) return fail_with(ENOSPC);
    if (fault_ == Fault::dead_disk && (once || after)) return fail_with(EIO);
    return false;
  }
  static bool fail_with(int error) {
    errno = error;
    return true;
  }

  Fault fault_ = Fault::none;
  int at_ = 0;
  int calls_ = 0;
  std::uint64_t free_space_ = 0;  // 0: the real one
  std::map<int, std::string> names_;
  std::vector<std::string> trace_;
};
