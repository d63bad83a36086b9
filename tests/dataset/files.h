// SPDX-License-Identifier: MIT
// Makes data files, good and bad, and checks the errors they lead to.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <zlib.h>

#include "catch.h"
#include <dropmuon/core/error.h>
#include <dropmuon/dataset/data_file.h>

namespace dropmuon::test {

using Bytes = std::vector<std::uint8_t>;

// A new folder that goes away with the object.
class TempFolder {
 public:
  TempFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "dropmuon-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = pattern;
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline void write(const std::string& path, const Bytes& bytes) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream stream(path, std::ios::binary);
  stream.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  REQUIRE(stream.good());
}

inline Bytes gzip(const Bytes& bytes) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  Bytes packed(bytes.size() + bytes.size() / 100 + 100);
  Bytes in = bytes;
  stream.next_in = in.data();
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = packed.data();
  stream.avail_out = static_cast<uInt>(packed.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

inline void append_big_endian(Bytes& bytes, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<std::uint8_t>(value >> shift));
  }
}

// An IDX file with these header words and `content` bytes of i * 37 mod 256 (labels: mod 10).
inline Bytes idx(const std::vector<std::uint32_t>& header, std::size_t content) {
  Bytes bytes;
  for (const std::uint32_t word : header) append_big_endian(bytes, word);
  const std::size_t modulus = header.size() == 2 ? 10 : 256;
  for (std::size_t i = 0; i < content; ++i) {
    bytes.push_back(static_cast<std::uint8_t>(i * 37 % modulus));
  }
  return bytes;
}

inline Bytes idx_images(std::uint32_t count, std::uint32_t height, std::uint32_t width) {
  return idx({0x803, count, height, width}, std::size_t{count} * height * width);
}

inline Bytes idx_labels(std::uint32_t count) { return idx({0x801, count}, count); }

// A label and 3072 bytes; byte b of row r is (7 r + 13 b) mod 251.
inline Bytes cifar_rows(std::size_t rows) {
  Bytes bytes;
  for (std::size_t r = 0; r < rows; ++r) {
    bytes.push_back(static_cast<std::uint8_t>(r % 10));
    for (std::size_t b = 0; b < 3072; ++b) {
      bytes.push_back(static_cast<std::uint8_t>((7 * r + 13 * b) % 251));
    }
  }
  return bytes;
}

// Runs the body, which must throw Error with this code and every one of these words, in one line.
template <typename Body>
void expect_error(ExitCode code, const std::vector<std::string>& words, const Body& body) {
  try {
    body();
  } catch (const Error& error) {
    const std::string message = error.what();
    CAPTURE(message);
    CHECK(static_cast<int>(error.code()) == static_cast<int>(code));
    CHECK(message.find('\n') == std::string::npos);
    for (const std::string& word : words) {
      CAPTURE(word);
      CHECK(message.find(word) != std::string::npos);
    }
    return;
  }
  FAIL("no error was thrown");
}

// The folder whose subfolder `name` holds the real data set, or "" if this machine has none.
inline std::string real_root(const std::string& name) {
  for (const std::string root : {DROPMUON_SOURCE_DIR "/data", "/usr/share/datasets"}) {
    if (std::filesystem::exists(root + "/" + name)) return root;
  }
  return "";
}

}  // namespace dropmuon::test
