// SPDX-License-Identifier: MIT
// Eight table look-ups per eight bytes ("slicing by 8"): every processor has it, and disks are
// slower.
#include <array>
#include <cstddef>

#include <dropmuon/core/crc32c.h>

namespace dropmuon {
namespace {

using Table = std::array<std::uint32_t, 256>;

// kTables[k][b]: the remainder of byte b followed by k zero bytes.
constexpr std::array<Table, 8> make_tables() {
  constexpr std::uint32_t kPolynomial = 0x82f63b78;  // 0x1edc6f41 with the bits reversed
  std::array<Table, 8> tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? kPolynomial : 0);
    tables[0][byte] = value;
  }
  for (std::size_t k = 1; k < 8; ++k) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[k - 1][byte];
      tables[k][byte] = (before >> 8) ^ tables[0][before & 0xff];
    }
  }
  return tables;
}

constexpr std::array<Table, 8> kTables = make_tables();

std::uint32_t at(std::span<const std::byte> bytes, std::size_t i) {
  return std::to_integer<std::uint32_t>(bytes[i]);
}

}  // namespace

std::uint32_t crc32c(std::span<const std::byte> bytes) {
  std::uint32_t crc = 0xffffffff;
  for (; bytes.size() >= 8; bytes = bytes.subspan(8)) {
    std::uint32_t next = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      next ^= kTables[7 - i][(crc >> (8 * i) & 0xff) ^ at(bytes, i)];
      next ^= kTables[3 - i][at(bytes, 4 + i)];
    }
    crc = next;
  }
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    crc = (crc >> 8) ^ kTables[0][(crc ^ at(bytes, i)) & 0xff];
  }
  return ~crc;
}

std::uint32_t crc32c(std::string_view bytes) {
  return crc32c(std::as_bytes(std::span(bytes.data(), bytes.size())));
}

}  // namespace dropmuon
