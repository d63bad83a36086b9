// SPDX-License-Identifier: MIT
// What saving durably needs from the file system, every answer of the kernel checked.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace dropmuon {

// The public functions are complete: they go on after EINTR and short writes and throw one line
// with path and reason; Error(cannot_write) where something is changed, Error(missing_input) where
// it is read. Below them is one virtual function per system call, with the contract of POSIX, so
// that a test can let any single call fail.
class FileSystem {
 public:
  virtual ~FileSystem() = default;
  static FileSystem& real();

  void create_folder(const std::string& path);   // already there is fine
  void create_folders(const std::string& path);  // with its parents, durably
  // Creates or overwrites, writes all, fsyncs, closes. The name is durable after
  // sync_folder(parent). A file system that has no fsync, of files or of folders, is believed to
  // have done what it can.
  void write_file(const std::string& path, std::string_view content);
  void sync_folder(const std::string& path);
  void rename(const std::string& from, const std::string& to);  // replaces files, not folders
  void remove_tree(const std::string& path);  // follows no links; not there is fine
  // write_file beside `path`, rename over it, sync_folder: readers see the old content or the new.
  void replace_file(const std::string& path, std::string_view content);

  // Bytes that this user may still write; kUnknownSpace where the file system does not tell.
  static constexpr std::uint64_t kUnknownSpace = UINT64_MAX;
  std::uint64_t free_space(const std::string& folder);
  std::string read_file(const std::string& path);
  bool exists(const std::string& path);
  std::vector<std::string> list(
      const std::string& folder);  // names in order, "." and ".." left out

 protected:
  virtual int sys_open(const char* path, int flags, mode_t mode);
  virtual ssize_t sys_write(int file, const void* data, std::size_t size);
  virtual ssize_t sys_read(int file, void* data, std::size_t size);
  virtual int sys_fsync(int file);
  virtual int sys_close(int file);
  virtual int sys_mkdir(const char* path, mode_t mode);
  virtual int sys_rename(const char* from, const char* to);
  virtual int sys_unlink(const char* path);
  virtual int sys_rmdir(const char* path);
  virtual int sys_access(const char* path);
  virtual int sys_free_space(const char* path, std::uint64_t* bytes);
  virtual int sys_list(const char* path, std::vector<std::string>* names);

 private:
  bool write_all(int file, std::string_view content);
  bool read_all(int file, std::string* content);
  bool close(int file);
};

// Whether `name` is of a file that replace_file() had not put in its place when it was killed.
bool is_replacement(const std::string& name);

// Whether an errno of fsync says that the file system has no such call, so that nothing more can be
// done. EIO, ENOSPC and EDQUOT do not.
bool is_unsupported(int error);

}  // namespace dropmuon
