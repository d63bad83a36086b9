// SPDX-License-Identifier: MIT
#include <array>
#include <cmath>

#include <fmt/format.h>

#include <dropmuon/core/text.h>

namespace dropmuon {
namespace {

std::string scaled(double value, const char* unit) {
  constexpr std::array kPrefixes = {"", "k", "M", "G", "T", "P", "E"};
  std::size_t prefix = 0;
  while (std::abs(value) >= 1000.0 && prefix + 1 < kPrefixes.size()) {
    value /= 1000.0;
    ++prefix;
  }
  if (prefix == 0 && value == std::floor(value)) return fmt::format("{:.0f} {}", value, unit);
  return fmt::format("{:.3g} {}{}", value, kPrefixes[prefix], unit);
}

}  // namespace

std::string human_bytes(double bytes) { return scaled(bytes, "B"); }

std::string human_count(double count) {
  std::string out = scaled(count, "");
  while (out.ends_with(' ')) out.pop_back();
  return out;
}

std::string human_seconds(double seconds) {
  if (seconds < 60.0) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 3600) return fmt::format("{}:{:02} min", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02} h", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string shell_quoted(const std::string& word) {
  const std::string plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+=:,@%";
  if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) return word;
  std::string quoted = "'";
  for (const char letter : word)
    quoted += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
  return quoted + "'";
}

std::string controls_named(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : ' ');
    const bool is_long = byte == 0xC2 && next >= 0x80 && next < 0xA0;  // U+0080 .. U+009F
    if (is_long || byte < 0x20 || byte == 0x7F) {
      out += fmt::format("<U+{:04X}>", is_long ? next : byte);
      i += is_long ? 1 : 0;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace dropmuon
