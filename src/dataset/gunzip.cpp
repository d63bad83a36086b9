// SPDX-License-Identifier: MIT
#include "gunzip.h"

#include <algorithm>
#include <new>

#include <zlib.h>

#include <dropmuon/core/error.h>

namespace dropmuon {
namespace {

// zlib's state for the members of a gzip file (no raw deflate, no zlib header).
class GzipStream {
 public:
  explicit GzipStream(std::vector<std::uint8_t>& packed) : size_(packed.size()) {
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
    const int answer = inflate(&stream_, Z_NO_FLUSH);
    produced_ += size - stream_.avail_out;
    return answer;
  }
  std::size_t produced() const { return produced_; }  // over all members
  std::size_t consumed() const { return size_ - stream_.avail_in; }
  std::size_t left_over() const { return stream_.avail_in; }
  const char* complaint() const { return stream_.msg != nullptr ? stream_.msg : "unknown damage"; }

  bool at_member() const {
    return stream_.avail_in >= 2 && stream_.next_in[0] == 0x1f && stream_.next_in[1] == 0x8b;
  }
  bool at_padding() const {
    return std::all_of(stream_.next_in, stream_.next_in + stream_.avail_in,
                       [](Bytef byte) { return byte == 0; });
  }
  void begin_member() { inflateReset(&stream_); }

 private:
  z_stream stream_{};
  std::size_t size_;
  std::size_t produced_ = 0;
};

// The unpacked size as the file's last four bytes claim it (RFC 1952); only a hint, it may lie.
std::size_t claimed_size(const std::vector<std::uint8_t>& packed) {
  std::size_t size = 0;
  for (std::size_t i = 1; i <= std::min<std::size_t>(4, packed.size()); ++i) {
    size = size << 8 | packed[packed.size() - i];
  }
  return size;
}

// To the end of a member. `bytes` is grown as needed, to one byte beyond the limit at most: enough
// to see that it is passed.
void unpack_member(const std::string& path, std::size_t max_bytes, GzipStream& stream,
                   std::vector<std::uint8_t>& bytes) {
  for (;;) {
    const std::size_t done = stream.produced();
    const int answer = stream.fill(bytes.data() + done, bytes.size() - done);
    if (stream.produced() > max_bytes) {
      fail(ExitCode::bad_data, "{}: offset {} of the unpacked content: expected at most {} bytes",
           path, max_bytes, max_bytes);
    }
    if (answer == Z_STREAM_END) return;
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
}

}  // namespace

std::vector<std::uint8_t> gunzip(const std::string& path, std::vector<std::uint8_t> packed,
                                 std::size_t max_bytes) {
  GzipStream stream(packed);
  std::vector<std::uint8_t> bytes(std::min(max_bytes + 1, claimed_size(packed) + 64));
  unpack_member(path, max_bytes, stream, bytes);
  while (stream.at_member()) {
    stream.begin_member();
    unpack_member(path, max_bytes, stream, bytes);
  }
  if (!stream.at_padding()) {
    fail(ExitCode::bad_data,
         "{}: offset {} of the packed file: expected the end, found {} trailing bytes after the "
         "gzip data",
         path, stream.consumed(), stream.left_over());
  }
  bytes.resize(stream.produced());
  return bytes;
}

std::vector<std::uint8_t> gunzip_head(std::vector<std::uint8_t> packed, std::size_t size) {
  GzipStream stream(packed);
  std::vector<std::uint8_t> bytes(size);
  while (stream.produced() < size) {
    const int answer = stream.fill(bytes.data() + stream.produced(), size - stream.produced());
    if (answer == Z_STREAM_END && stream.at_member()) {
      stream.begin_member();
    } else if (answer != Z_OK) {
      break;
    }
  }
  bytes.resize(stream.produced());
  return bytes;
}

}  // namespace dropmuon
