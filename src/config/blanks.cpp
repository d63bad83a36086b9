// SPDX-License-Identifier: MIT
// Letters that nobody sees. YAML takes them for letters like any other, so that a pasted line means
// something else than it shows, and the parser's complaint points elsewhere.
#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include <fmt/format.h>

#include <dropmuon/config/text.h>

namespace dropmuon {
namespace {

// Follows quotes and comments through a text, letter by letter.
class Quotes {
 public:
  enum class Inside { nothing, single_quote, double_quote, comment };

  Inside step(char letter) {
    if (inside_ == Inside::comment) {
      if (letter == '\n') *this = Quotes();
    } else if (inside_ == Inside::nothing) {
      outside(letter);
    } else if (escaped_) {
      escaped_ = false;
    } else if (inside_ == Inside::double_quote && letter == '\\') {
      escaped_ = true;
    } else if (letter == (inside_ == Inside::double_quote ? '"' : '\'')) {
      inside_ = Inside::nothing;  // '' opens it again at once
      after_quote_ = true;
      return Inside::nothing;
    }
    return inside_;
  }

 private:
  // A quote or a comment begins only where a word would; elsewhere the letter is one of a word's.
  void outside(char letter) {
    const bool blank = letter == ' ' || letter == '\t' || letter == '\n' || letter == '\r';
    const bool again = after_quote_ && letter == '\'';
    after_quote_ = false;
    if (letter == '#' && word_may_begin_) {
      inside_ = Inside::comment;
    } else if (letter == '"' && value_may_begin_) {
      inside_ = Inside::double_quote;
    } else if (letter == '\'' && (value_may_begin_ || again)) {
      inside_ = Inside::single_quote;
    }
    if (letter == '\n') {
      value_may_begin_ = true;
    } else if (blank) {
      value_may_begin_ = value_may_begin_ || opens_value(last_);
    } else {
      value_may_begin_ = letter == '[' || letter == '{' || letter == ',';
    }
    word_may_begin_ = blank || value_may_begin_;
    last_ = letter;
  }
  static bool opens_value(char letter) { return letter == ':' || letter == '-' || letter == '?'; }

  Inside inside_ = Inside::nothing;
  bool escaped_ = false;
  bool after_quote_ = false;
  bool word_may_begin_ = true;
  bool value_may_begin_ = true;
  char last_ = '\n';
};

}  // namespace

// By Unicode 15: separators (Zs, Zl, Zp), controls (Cc), format characters (Cf) but for those that
// are drawn (Arabic number signs and their like), what renderers leave out by default, and the
// Braille pattern without a dot.
bool is_unseen(std::uint32_t code) {
  struct Range {
    std::uint32_t first;
    std::uint32_t last;
  };
  static constexpr std::array kRanges = {
      Range{0x80, 0xA0},       Range{0xAD, 0xAD},       Range{0x34F, 0x34F},
      Range{0x61C, 0x61C},     Range{0x115F, 0x1160},   Range{0x1680, 0x1680},
      Range{0x17B4, 0x17B5},   Range{0x180B, 0x180F},   Range{0x2000, 0x200F},
      Range{0x2028, 0x202F},   Range{0x205F, 0x206F},   Range{0x2800, 0x2800},
      Range{0x3000, 0x3000},   Range{0x3164, 0x3164},   Range{0xFE00, 0xFE0F},
      Range{0xFEFF, 0xFEFF},   Range{0xFFA0, 0xFFA0},   Range{0xFFF0, 0xFFFB},
      Range{0x13430, 0x1343F}, Range{0x1BCA0, 0x1BCA3}, Range{0x1D173, 0x1D17A},
      Range{0xE0000, 0xE0FFF}};
  return std::any_of(kRanges.begin(), kRanges.end(),
                     [&](const Range& range) { return range.first <= code && code <= range.last; });
}

Letter letter_at(std::string_view text, std::size_t i) {
  const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(text[i + k]); };
  const std::size_t size = byte(0) < 0x80 ? 1 : byte(0) < 0xE0 ? 2 : byte(0) < 0xF0 ? 3 : 4;
  std::uint32_t code = size == 1 ? byte(0) : byte(0) & (0xFFU >> (size + 1));
  for (std::size_t k = 1; k < size; ++k) code = code << 6 | (byte(k) & 0x3FU);
  return {code, size};
}

void check_blanks(std::string_view text) {
  Quotes quotes;
  TextPosition at;
  for (std::size_t i = 0; i < text.size();) {
    const Letter letter = letter_at(text, i);
    const Quotes::Inside inside = quotes.step(text[i]);
    if (inside == Quotes::Inside::nothing && is_unseen(letter.code)) {
      throw TextError(at, fmt::format("expected visible text or plain spaces, found the character "
                                      "U+{:04X}, which looks like a space or like nothing; replace "
                                      "it, or quote the text that it belongs to",
                                      letter.code));
    }
    at.column += static_cast<int>(letter.size);
    if (text[i] == '\n') at = {at.line + 1, 0};
    i += letter.size;
  }
}

}  // namespace dropmuon
