// SPDX-License-Identifier: MIT
// CRC-32C against the vectors of RFC 3720 (iSCSI) and against the definition, bit by bit.
#include <cstdint>
#include <string>

#include "catch.h"
#include <dropmuon/core/crc32c.h>

using namespace dropmuon;

namespace {

std::uint32_t by_definition(const std::string& text) {
  std::uint32_t crc = 0xffffffff;
  for (const char letter : text) {
    crc ^= static_cast<unsigned char>(letter);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78U : 0U);
  }
  return ~crc;
}

}  // namespace

TEST_CASE("crc32c gives the published values") {
  CHECK(crc32c(std::string_view()) == 0);
  CHECK(crc32c("123456789") == 0xe3069283);
  CHECK(crc32c("a") == 0xc1d04330);
  CHECK(crc32c("The quick brown fox jumps over the lazy dog") == 0x22620404);
  CHECK(crc32c(std::string(32, '\0')) == 0x8a9136aa);
  CHECK(crc32c(std::string(32, '\xff')) == 0x62a8ab43);
  std::string up;
  for (char i = 0; i < 32; ++i) up += i;
  CHECK(crc32c(up) == 0x46dd794e);
  CHECK(crc32c(std::string(up.rbegin(), up.rend())) == 0x113fdb5c);
}

TEST_CASE("crc32c follows the definition at every length and alignment") {
  std::string text;
  for (std::uint32_t i = 0; i < 80; ++i) text += static_cast<char>(i * 2654435761U >> 24);
  for (std::size_t begin = 0; begin < 9; ++begin) {
    for (std::size_t size = 0; begin + size <= text.size(); ++size) {
      const std::string part = text.substr(begin, size);
      if (crc32c(std::string_view(text).substr(begin, size)) != by_definition(part)) {
        FAIL("bytes " << begin << " .. " << begin + size);
      }
    }
  }
}
