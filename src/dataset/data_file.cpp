// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gunzip.h"
#include <dropmuon/core/error.h>
#include <dropmuon/dataset/data_file.h>

namespace dropmuon {
namespace {

[[noreturn]] void cannot_read(const std::string& path) {
  fail(ExitCode::missing_input, "{}: cannot be read: {}", path, std::strerror(errno));
}

// A regular file, open for reading.
class OpenFile {
 public:
  // Without O_NONBLOCK a pipe of that name would hang us; a regular file does not notice.
  explicit OpenFile(const std::string& path)
      : path_(path), file_(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)) {
    struct stat about {};
    if (file_ < 0 && errno == ENXIO) not_regular();  // a socket
    if (file_ < 0) cannot_read(path);
    if (::fstat(file_, &about) != 0) cannot_read(path);
    if (!S_ISREG(about.st_mode)) not_regular();
    size_ = static_cast<std::uint64_t>(about.st_size);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() {
    if (file_ >= 0) ::close(file_);
  }

  std::uint64_t size() const { return size_; }

  // The first `count` bytes, at most size().
  std::vector<std::uint8_t> read(std::size_t count) const {
    std::vector<std::uint8_t> bytes(count);
    std::size_t done = 0;
    while (done < count) {
      const ssize_t got = ::read(file_, bytes.data() + done, count - done);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) {
        fail(ExitCode::bad_data, "{}: offset {}: cannot be read: {}", path_, done,
             std::strerror(errno));
      }
      if (got == 0) {
        fail(ExitCode::bad_data, "{}: offset {}: reading stopped before the end of the file", path_,
             done);
      }
      done += static_cast<std::size_t>(got);
    }
    return bytes;
  }

 private:
  [[noreturn]] void not_regular() const {
    fail(ExitCode::bad_data, "{}: expected a regular file, found something else", path_);
  }

  const std::string& path_;
  int file_;
  std::uint64_t size_ = 0;
};

std::vector<std::uint8_t> read_bytes(const std::string& path, std::size_t max_bytes) {
  const OpenFile file(path);
  if (file.size() > max_bytes) {
    fail(ExitCode::bad_data, "{}: offset {}: expected at most {} bytes, found {}", path, max_bytes,
         max_bytes, file.size());
  }
  return file.read(static_cast<std::size_t>(file.size()));
}

enum class Kind { none, folder, other };

// Only what the system does not know (ENOENT) is missing; of all else it says why.
Kind kind_of(const std::string& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) {
    if (errno != ENOENT) cannot_read(path);
    return Kind::none;
  }
  return S_ISDIR(about.st_mode) ? Kind::folder : Kind::other;
}

// The file that is meant by `path`: itself, or packed; "" if there is neither. Some unpackers leave
// a folder of the file's name.
std::string find(const std::string& path) {
  const Kind plain = kind_of(path);
  if (plain == Kind::other) return path;
  const Kind packed = kind_of(path + ".gz");
  if (packed == Kind::other || (packed == Kind::folder && plain == Kind::none)) {
    return path + ".gz";
  }
  return plain == Kind::folder ? path : "";
}

bool is_packed(const std::string& found, const std::string& path) { return found != path; }

}  // namespace

std::optional<DataFile> read_data_file(const std::string& path, std::size_t max_bytes) {
  const std::string found = find(path);
  if (found.empty()) return std::nullopt;
  std::vector<std::uint8_t> bytes = read_bytes(found, max_bytes);
  if (is_packed(found, path)) bytes = gunzip(found, std::move(bytes), max_bytes);
  return DataFile{found, std::move(bytes)};
}

std::optional<DataHead> read_data_head(const std::string& path, std::size_t bytes) {
  const std::string found = find(path);
  if (found.empty()) return std::nullopt;
  if (kind_of(found) == Kind::folder) return DataHead{{}, 0};
  const OpenFile file(found);
  if (!is_packed(found, path)) {
    return DataHead{file.read(std::min<std::size_t>(bytes, file.size())), file.size()};
  }
  constexpr std::uint64_t kPacked = 65536;  // more than any gzip header before the first bytes
  auto packed = file.read(static_cast<std::size_t>(std::min(kPacked, file.size())));
  return DataHead{gunzip_head(std::move(packed), bytes), std::nullopt};
}

}  // namespace dropmuon
