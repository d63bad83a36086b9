// SPDX-License-Identifier: MIT
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <new>

#include <zlib.h>

#include <dropmuon/core/error.h>
#include <dropmuon/dataset/data_file.h>

namespace dropmuon {
namespace {

std::vector<std::uint8_t> read_bytes(const std::string& path, std::size_t max_bytes) {
  std::error_code failed;
  if (!std::filesystem::is_regular_file(path, failed)) {
    fail(ExitCode::bad_data, "{}: expected a regular file, found something else", path);
  }
  const std::uintmax_t size = std::filesystem::file_size(path, failed);
  if (failed) fail(ExitCode::bad_data, "{}: cannot be read: {}", path, failed.message());
  if (size > max_bytes) {
    fail(ExitCode::bad_data, "{}: offset {}: expected at most {} bytes, found {}", path, max_bytes,
         max_bytes, size);
  }
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size));
  std::ifstream stream(path, std::ios::binary);
  if (!stream) fail(ExitCode::bad_data, "{}: cannot be opened for reading", path);
  stream.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (static_cast<std::size_t>(stream.gcount()) != bytes.size()) {
    fail(ExitCode::bad_data, "{}: offset {}: reading stopped before the end of the file", path,
         stream.gcount());
  }
  return bytes;
}

// zlib's state for one gzip stream (no raw deflate, no zlib header, one member).
class GzipStream {
 public:
  explicit GzipStream(std::vector<std::uint8_t>& packed) {
    constexpr int kGzipOnly = 16;
    if (inflateInit2(&stream_, MAX_WBITS + kGzipOnly) != Z_OK) throw std::bad_alloc();
    stream_.next_in = packed.data();
    stream_.avail_in = static_cast<uInt>(packed.size());
  }
  GzipStream(const GzipStream&) = delete;
  GzipStream& operator=(const GzipStream&) = delete;
  ~GzipStream() { inflateEnd(&stream_); }

  // Fills `room` as far as it goes and returns zlib's answer.
  int fill(std::uint8_t* room, std::size_t size) {
    stream_.next_out = room;
    stream_.avail_out = static_cast<uInt>(size);
    return inflate(&stream_, Z_NO_FLUSH);
  }
  std::size_t produced() const { return stream_.total_out; }
  std::size_t consumed() const { return stream_.total_in; }
  std::size_t left_over() const { return stream_.avail_in; }
  const char* complaint() const { return stream_.msg != nullptr ? stream_.msg : "unknown damage"; }

 private:
  z_stream stream_{};
};

// The unpacked size as the file's last four bytes claim it (RFC 1952); only a hint, it may lie.
std::size_t claimed_size(const std::vector<std::uint8_t>& packed) {
  std::size_t size = 0;
  for (std::size_t i = 1; i <= std::min<std::size_t>(4, packed.size()); ++i) {
    size = size << 8 | packed[packed.size() - i];
  }
  return size;
}

std::vector<std::uint8_t> gunzip(const std::string& path, std::vector<std::uint8_t> packed,
                                 std::size_t max_bytes) {
  GzipStream stream(packed);
  // One byte beyond the limit is enough to see that it is passed.
  std::vector<std::uint8_t> bytes(std::min(max_bytes + 1, claimed_size(packed) + 64));
  for (;;) {
    const std::size_t done = stream.produced();
    const int answer = stream.fill(bytes.data() + done, bytes.size() - done);
    if (stream.produced() > max_bytes) {
      fail(ExitCode::bad_data, "{}: offset {} of the unpacked content: expected at most {} bytes",
           path, max_bytes, max_bytes);
    }
    if (answer == Z_STREAM_END) break;
    if (answer == Z_MEM_ERROR) throw std::bad_alloc();
    if (answer != Z_OK && answer != Z_BUF_ERROR) {
      fail(ExitCode::bad_data, "{}: offset {} of the packed file: damaged gzip data: {}", path,
           stream.consumed(), stream.complaint());
    }
    if (stream.produced() < bytes.size()) {  // room left, so the input ran out
      fail(ExitCode::bad_data,
           "{}: offset {} of the packed file: truncated gzip data, the file ends too early", path,
           stream.consumed());
    }
    bytes.resize(std::min(max_bytes + 1, bytes.size() * 2));
  }
  if (stream.left_over() > 0) {
    fail(ExitCode::bad_data,
         "{}: offset {} of the packed file: expected the end, found {} trailing bytes after the "
         "gzip data",
         path, stream.consumed(), stream.left_over());
  }
  bytes.resize(stream.produced());
  return bytes;
}

}  // namespace

std::optional<DataFile> read_data_file(const std::string& path, std::size_t max_bytes) {
  std::error_code unreachable;  // a folder that cannot be entered holds nothing for us
  if (std::filesystem::exists(path, unreachable))
    return DataFile{path, read_bytes(path, max_bytes)};
  const std::string packed = path + ".gz";
  if (!std::filesystem::exists(packed, unreachable)) return std::nullopt;
  return DataFile{packed, gunzip(packed, read_bytes(packed, max_bytes), max_bytes)};
}

}  // namespace dropmuon
