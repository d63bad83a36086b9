// SPDX-License-Identifier: MIT
// Scalars and lists of a config, by our own rules: JSON numbers, true and false, nothing octal,
// hexadecimal or "yes". Readers throw TextError at the value's place.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <dropmuon/config/yaml_document.h>

namespace dropmuon {

// A word that stands for 0 ("auto", "null") may be given; then 0 itself is written as that word.
struct IntegerRange {
  std::int64_t low = 0;
  std::uint64_t high = 0;
  std::string word_for_zero = {};
  std::string text() const;  // "a whole number from 1 to 62"
};

struct NumberRange {
  std::string words;  // "> 0"
  bool (*contains)(double value);
  std::string text() const { return "a number " + words; }
};

enum class Parity { any, odd };
enum class ListForm { list_only, list_or_single };

struct IntegerListRule {
  IntegerRange item;
  Parity parity = Parity::any;
  ListForm form = ListForm::list_only;
  std::size_t max_items = 1;
  std::string text() const;
};

[[noreturn]] void fail_value(const YamlNode& node, std::string_view expected);

bool is_word(const YamlNode& node, std::string_view word);  // null also matches "null"

// Sign and digits as written; the range is only checked against what 64 bits hold.
struct WholeNumber {
  bool negative = false;
  std::uint64_t magnitude = 0;
};
WholeNumber read_whole_number(const YamlNode& node, const IntegerRange& range);

template <std::integral T>
T read_integer(const YamlNode& node, const IntegerRange& range) {
  const WholeNumber number = read_whole_number(node, range);
  return number.negative ? static_cast<T>(-static_cast<std::int64_t>(number.magnitude))
                         : static_cast<T>(number.magnitude);
}

double read_number(const YamlNode& node, const NumberRange& range);
bool read_flag(const YamlNode& node);
std::string read_text(const YamlNode& node);
std::string read_choice(const YamlNode& node, const std::vector<std::string>& words);
std::vector<int> read_integers(const YamlNode& node, const IntegerListRule& rule);
std::vector<double> read_numbers(const YamlNode& node, const NumberRange& range,
                                 std::size_t max_items);

// A number as short as it can be and still read back to the same bits.
std::string print_number(double value);
// Plain where any reader of YAML reads back the same text, else in double quotes.
std::string print_text(const std::string& text);
std::string print_list(const std::vector<std::string>& items);

std::string join(const std::vector<std::string>& words, std::string_view separator);

}  // namespace dropmuon
