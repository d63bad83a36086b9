// SPDX-License-Identifier: MIT
// A strict reader of event files for TensorBoard: their framing, checksums and protobuf.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catch.h"
#include "program.h"
#include <dropmuon/core/crc32c.h>

namespace dropmuon {

inline std::uint64_t little_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    value |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  }
  return value;
}

// Takes `size` bytes off the front.
inline std::string_view take(std::string_view& rest, std::uint64_t size) {
  if (size > rest.size()) throw std::runtime_error("cut short");
  const std::string_view front = rest.substr(0, size);
  rest.remove_prefix(size);
  return front;
}

// The mask undone, not done again.
inline bool crc_matches(std::string_view bytes, std::string_view stored) {
  const auto masked = static_cast<std::uint32_t>(little_endian(stored));
  return std::rotl(masked - 0xa282ead8U, 15) == crc32c(bytes);
}

inline std::vector<std::string> payloads(const std::string& path) {
  const std::string content = Sandbox::read(path);
  std::vector<std::string> found;
  for (std::string_view rest = content; !rest.empty();) {
    const std::string_view length = take(rest, 8);
    REQUIRE(crc_matches(length, take(rest, 4)));
    const std::string_view payload = take(rest, little_endian(length));
    REQUIRE(crc_matches(payload, take(rest, 4)));
    found.emplace_back(payload);
  }
  return found;
}

inline std::uint64_t varint(std::string_view& rest) {
  std::uint64_t value = 0;
  for (unsigned shift = 0;; shift += 7) {
    const auto byte = static_cast<unsigned char>(take(rest, 1)[0]);
    value |= std::uint64_t{byte & 0x7FU} << shift;
    if (byte < 0x80) return value;
    if (shift > 56) throw std::runtime_error("endless number");
  }
}

// (field << 3 | wire type, bytes of the value), in the order of the message.
inline std::vector<std::pair<std::uint64_t, std::string>> fields(std::string_view rest) {
  std::vector<std::pair<std::uint64_t, std::string>> found;
  while (!rest.empty()) {
    const std::uint64_t key = varint(rest);
    switch (key & 7U) {
      case 0:
        found.emplace_back(key, std::to_string(varint(rest)));
        break;
      case 1:
        found.emplace_back(key, take(rest, 8));
        break;
      case 2:
        found.emplace_back(key, take(rest, varint(rest)));
        break;
      case 5:
        found.emplace_back(key, take(rest, 4));
        break;
      default:
        throw std::runtime_error("unknown wire type");
    }
  }
  return found;
}

inline constexpr std::uint64_t kWallTime = 1U << 3U | 1U;
inline constexpr std::uint64_t kStep = 2U << 3U;
inline constexpr std::uint64_t kFileVersion = 3U << 3U | 2U;
inline constexpr std::uint64_t kSummary = 5U << 3U | 2U;
inline constexpr std::uint64_t kSession = 7U << 3U | 2U;

struct Event {
  std::int64_t step = 0;
  std::string file_version;
  bool starts_session = false;
  std::map<std::string, float> scalars;
};

inline void read_value(const std::string& bytes, Event& event) {
  const auto parts = fields(bytes);
  REQUIRE(parts.size() == 2);
  REQUIRE(parts[0].first == (1U << 3U | 2U));
  REQUIRE(parts[1].first == (2U << 3U | 5U));
  const auto bits = static_cast<std::uint32_t>(little_endian(parts[1].second));
  CHECK(event.scalars.emplace(parts[0].second, std::bit_cast<float>(bits)).second);
}

inline Event read_event(const std::string& payload) {
  Event event;
  const auto parts = fields(payload);
  REQUIRE(parts.at(0).first == kWallTime);
  const double wall = std::bit_cast<double>(little_endian(parts[0].second));
  CHECK(std::abs(wall - static_cast<double>(std::time(nullptr))) < 600.0);
  for (const auto& [key, value] : std::vector(parts.begin() + 1, parts.end())) {
    if (key == kStep) {
      event.step = std::stoll(value);
    } else if (key == kFileVersion) {
      event.file_version = value;
    } else if (key == kSession) {
      event.starts_session = value == std::string("\x08\x01");  // status: START
    } else if (key == kSummary) {
      for (const auto& [which, bytes] : fields(value)) {
        REQUIRE(which == (1U << 3U | 2U));
        read_value(bytes, event);
      }
    } else {
      FAIL("field " << key);
    }
  }
  return event;
}

inline std::vector<Event> events(const std::string& path) {
  std::vector<Event> found;
  for (const std::string& payload : payloads(path)) found.push_back(read_event(payload));
  return found;
}

}  // namespace dropmuon
