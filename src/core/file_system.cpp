// SPDX-License-Identifier: MIT
// The rules of durable writing: loop on short writes, fsync file and folder, believe every error.
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <dropmuon/core/error.h>
#include <dropmuon/core/file_system.h>

namespace dropmuon {
namespace {

constexpr const char* kReplacement = ".tmp-";

[[noreturn]] void cannot(ExitCode code, const char* verb, const std::string& path) {
  fail(code, "cannot {} {}: {}", verb, path, std::strerror(errno));
}

[[noreturn]] void cannot_change(const char* verb, const std::string& path) {
  cannot(ExitCode::cannot_write, verb, path);
}

[[noreturn]] void cannot_read(const std::string& path) {
  cannot(ExitCode::missing_input, "read", path);
}

template <typename Call>
auto retried(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

FileSystem& FileSystem::real() {
  static FileSystem files;
  return files;
}

void FileSystem::create_folder(const std::string& path) {
  if (retried([&] { return sys_mkdir(path.c_str(), 0755); }) == 0 || errno == EEXIST) return;
  cannot_change("create folder", path);
}

void FileSystem::create_folders(const std::string& path) {
  const auto make = [&] { return retried([&] { return sys_mkdir(path.c_str(), 0755); }); };
  int result = make();
  if (result != 0 && errno == ENOENT && parent_of(path) != path) {
    create_folders(parent_of(path));
    result = make();
  }
  if (result == 0) {
    sync_folder(parent_of(path));
  } else if (errno != EEXIST) {
    cannot_change("create folder", path);
  }
}

void FileSystem::write_file(const std::string& path, std::string_view content) {
  const int file = retried(
      [&] { return sys_open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644); });
  if (file < 0) cannot_change("write", path);
  const bool good = write_all(file, content) &&
                    (retried([&] { return sys_fsync(file); }) == 0 || is_unsupported(errno));
  const int error = errno;
  const bool closed = close(file);
  if (!good) errno = error;
  if (!good || !closed) cannot_change("write", path);
}

void FileSystem::sync_folder(const std::string& path) {
  const int file =
      retried([&] { return sys_open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0); });
  // A folder that one may write into but not read cannot be opened, and so not be synced.
  if (file < 0 && (is_unsupported(errno) || errno == EACCES || errno == EPERM || errno == EISDIR))
    return;
  if (file < 0) cannot_change("sync folder", path);
  // EBADF: some (CIFS, FUSE) want a descriptor that can be written, which a folder's never is.
  const bool good =
      retried([&] { return sys_fsync(file); }) == 0 || is_unsupported(errno) || errno == EBADF;
  const int error = errno;
  const bool closed = close(file);
  if (!good) errno = error;
  if (!good || !closed) cannot_change("sync folder", path);
}

void FileSystem::rename(const std::string& from, const std::string& to) {
  if (retried([&] { return sys_rename(from.c_str(), to.c_str()); }) == 0) return;
  fail(ExitCode::cannot_write, "cannot rename {} to {}: {}", from, to, std::strerror(errno));
}

void FileSystem::remove_tree(const std::string& path) {
  if (retried([&] { return sys_unlink(path.c_str()); }) == 0 || errno == ENOENT) return;
  if (errno != EISDIR) cannot_change("remove", path);
  std::vector<std::string> names;
  if (retried([&] { return sys_list(path.c_str(), &names); }) != 0) cannot_change("remove", path);
  for (const std::string& name : names) remove_tree(fmt::format("{}/{}", path, name));
  const int result = retried([&] { return sys_rmdir(path.c_str()); });
  if (result != 0 && errno != ENOENT) cannot_change("remove", path);
}

void FileSystem::replace_file(const std::string& path, std::string_view content) {
  const std::string temporary = fmt::format("{}{}{}", path, kReplacement, ::getpid());
  try {
    write_file(temporary, content);
    rename(temporary, path);
  } catch (const Error&) {
    sys_unlink(temporary.c_str());  // the first failure is the one to report
    throw;
  }
  sync_folder(parent_of(path));
}

std::uint64_t FileSystem::free_space(const std::string& folder) {
  std::uint64_t bytes = 0;
  if (retried([&] { return sys_free_space(folder.c_str(), &bytes); }) == 0) return bytes;
  if (is_unsupported(errno) || errno == EOVERFLOW || errno == EACCES) return kUnknownSpace;
  cannot_change("ask for the free space of", folder);
}

std::string FileSystem::read_file(const std::string& path) {
  // Without O_NONBLOCK a pipe of that name would hang us; a regular file does not notice.
  const int file =
      retried([&] { return sys_open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0); });
  if (file < 0) cannot_read(path);
  std::string content;
  const bool good = read_all(file, &content);
  const int error = errno;
  close(file);
  errno = error;
  if (!good) cannot_read(path);
  return content;
}

bool FileSystem::exists(const std::string& path) {
  if (retried([&] { return sys_access(path.c_str()); }) == 0) return true;
  if (errno != ENOENT && errno != ENOTDIR) cannot_read(path);
  return false;
}

std::vector<std::string> FileSystem::list(const std::string& folder) {
  std::vector<std::string> names;
  if (retried([&] { return sys_list(folder.c_str(), &names); }) != 0) cannot_read(folder);
  std::sort(names.begin(), names.end());
  return names;
}

bool FileSystem::write_all(int file, std::string_view content) {
  while (!content.empty()) {
    const ssize_t count = retried([&] { return sys_write(file, content.data(), content.size()); });
    if (count < 0) return false;
    if (count == 0) {  // no progress and no reason: do not ask for ever
      errno = EIO;
      return false;
    }
    content.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

bool FileSystem::read_all(int file, std::string* content) {
  std::size_t size = 0;
  for (;;) {
    content->resize(std::max<std::size_t>(4096, 2 * size));
    const ssize_t count =
        retried([&] { return sys_read(file, content->data() + size, content->size() - size); });
    if (count < 0) return false;
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  content->resize(size);
  return true;
}

bool FileSystem::close(int file) {
  // Linux frees the descriptor even when it says EINTR: asking again could close somebody else's.
  return sys_close(file) == 0 || errno == EINTR;
}

int FileSystem::sys_open(const char* path, int flags, mode_t mode) {
  return ::open(path, flags, mode);
}
ssize_t FileSystem::sys_write(int file, const void* data, std::size_t size) {
  return ::write(file, data, size);
}
ssize_t FileSystem::sys_read(int file, void* data, std::size_t size) {
  return ::read(file, data, size);
}
int FileSystem::sys_fsync(int file) { return ::fsync(file); }
int FileSystem::sys_close(int file) { return ::close(file); }
int FileSystem::sys_mkdir(const char* path, mode_t mode) { return ::mkdir(path, mode); }
int FileSystem::sys_rename(const char* from, const char* to) { return ::rename(from, to); }
int FileSystem::sys_unlink(const char* path) { return ::unlink(path); }
int FileSystem::sys_rmdir(const char* path) { return ::rmdir(path); }
int FileSystem::sys_access(const char* path) { return ::access(path, F_OK); }

int FileSystem::sys_free_space(const char* path, std::uint64_t* bytes) {
  struct statvfs answer {};
  if (::statvfs(path, &answer) != 0) return -1;
  // A disk without any blocks does not tell: some network and FUSE file systems leave all at zero.
  const bool is_known = answer.f_blocks > 0 && answer.f_frsize > 0;
  *bytes = is_known ? static_cast<std::uint64_t>(answer.f_bavail) * answer.f_frsize : kUnknownSpace;
  return 0;
}

int FileSystem::sys_list(const char* path, std::vector<std::string>* names) {
  DIR* folder = ::opendir(path);
  if (folder == nullptr) return -1;
  names->clear();
  errno = 0;
  while (const dirent* entry = ::readdir(folder)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names->push_back(name);
    errno = 0;
  }
  const int error = errno;
  ::closedir(folder);
  errno = error;
  return error == 0 ? 0 : -1;
}

bool is_unsupported(int error) {
  constexpr int kKernelNotSupported =
      524;  // its own word, which NFS and stacked file systems let out
  return error == EINVAL || error == ENOSYS || error == ENOTSUP || error == EOPNOTSUPP ||
         error == kKernelNotSupported;
}

bool is_replacement(const std::string& name) {
  const std::size_t mark = name.rfind(kReplacement);
  if (mark == std::string::npos || mark == 0) return false;
  const std::string process = name.substr(mark + std::string(kReplacement).size());
  return !process.empty() && process.find_first_not_of("0123456789") == std::string::npos;
}

}  // namespace dropmuon
