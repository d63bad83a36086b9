// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cctype>
#include <charconv>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include <dropmuon/config/value.h>
#include <dropmuon/core/suggest.h>

namespace dropmuon {
namespace {

// Takes digits from the front; false if there is none.
bool take_digits(std::string_view& text) {
  const std::size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
  text.remove_prefix(end);
  return end > 0;
}

bool take_whole_part(std::string_view& text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  if (text.starts_with('0')) {
    text.remove_prefix(1);
    return true;
  }
  return take_digits(text);
}

bool is_json_integer(std::string_view text) { return take_whole_part(text) && text.empty(); }

bool is_json_number(std::string_view text) {
  if (!take_whole_part(text)) return false;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (!take_digits(text)) return false;
  }
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
    if (!take_digits(text)) return false;
  }
  return text.empty();
}

bool is_plain(const YamlNode& node) {
  return node.kind == YamlKind::scalar && node.style == YamlStyle::plain;
}

bool contains(const IntegerRange& range, const WholeNumber& number) {
  if (!number.negative) {
    return number.magnitude <= range.high && std::cmp_greater_equal(number.magnitude, range.low);
  }
  const auto limit = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  return number.magnitude <= limit && -static_cast<std::int64_t>(number.magnitude) >= range.low;
}

std::string lower(std::string text) {
  for (char& letter : text) {
    letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  }
  return text;
}

// Whether some reader of YAML, 1.1 or 1.2, takes these plain letters for something else than a
// text: nothing, a truth, a number or a date. A version number such as 1.2.3 may pass for one here.
bool is_typed(const std::string& text) {
  const std::string word = lower(text);
  for (const char* typed : {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}) {
    if (word == typed) return true;
  }
  if (word.empty() || std::isdigit(static_cast<unsigned char>(word.front())) == 0) return false;
  const bool has_base = word.starts_with("0x") || word.starts_with("0o") || word.starts_with("0b");
  return word.find_first_not_of(has_base ? "0123456789abcdefox_" : "0123456789e_.-") ==
         std::string::npos;
}

}  // namespace

std::string IntegerRange::text() const {
  const std::string range = fmt::format("a whole number from {} to {}", low, high);
  return word_for_zero.empty() ? range : fmt::format("{} or {}", word_for_zero, range);
}

std::string IntegerListRule::text() const {
  const std::string items = fmt::format("{}whole numbers from {} to {}",
                                        parity == Parity::odd ? "odd " : "", item.low, item.high);
  return form == ListForm::list_only ? fmt::format("a list of 1 to {} {}", max_items, items)
                                     : fmt::format("one or a list of {}", items);
}

void fail_value(const YamlNode& node, std::string_view expected) {
  throw TextError(node.at, fmt::format("expected {}, found {}", expected, describe(node)));
}

bool is_word(const YamlNode& node, std::string_view word) {
  if (word.empty()) return false;
  if (node.kind == YamlKind::null) return word == "null";
  return is_plain(node) && node.text == word;
}

WholeNumber read_whole_number(const YamlNode& node, const IntegerRange& range) {
  if (is_word(node, range.word_for_zero)) return {};
  if (!is_plain(node) || !is_json_integer(node.text)) fail_value(node, range.text());
  const bool negative = node.text.starts_with('-');
  const char* begin = node.text.data() + (negative ? 1 : 0);
  const char* end = node.text.data() + node.text.size();
  WholeNumber number{negative, 0};
  if (std::from_chars(begin, end, number.magnitude).ec != std::errc() || !contains(range, number)) {
    fail_value(node, range.text());
  }
  return number;
}

double read_number(const YamlNode& node, const NumberRange& range) {
  if (!is_plain(node) || !is_json_number(node.text)) fail_value(node, range.text());
  double value = 0.0;
  const char* end = node.text.data() + node.text.size();
  if (std::from_chars(node.text.data(), end, value).ec != std::errc() || !range.contains(value)) {
    fail_value(node, range.text());
  }
  return value;
}

bool read_flag(const YamlNode& node) {
  if (!is_word(node, "true") && !is_word(node, "false")) fail_value(node, "true or false");
  return node.text == "true";
}

std::string read_text(const YamlNode& node) {
  if (node.kind != YamlKind::scalar) fail_value(node, "text");
  return node.text;
}

std::string read_choice(const YamlNode& node, const std::vector<std::string>& words) {
  const std::string expected = words.size() == 1 ? words.front() : "one of " + join(words, ", ");
  if (node.kind != YamlKind::scalar) fail_value(node, expected);
  if (std::find(words.begin(), words.end(), node.text) == words.end()) {
    throw TextError(node.at, fmt::format("expected {}, found {}{}", expected, describe(node),
                                         did_you_mean(lower(node.text), words)));
  }
  return node.text;
}

std::vector<int> read_integers(const YamlNode& node, const IntegerListRule& rule) {
  const bool single = rule.form == ListForm::list_or_single && node.kind == YamlKind::scalar;
  if (!single && node.kind != YamlKind::list) fail_value(node, rule.text());
  const std::vector<YamlNode> items = single ? std::vector<YamlNode>{node} : node.items;
  if (items.empty() || items.size() > rule.max_items) {
    throw TextError(node.at,
                    fmt::format("expected {}, found {} of them", rule.text(), items.size()));
  }
  std::vector<int> values;
  for (const YamlNode& item : items) {
    const int value = read_integer<int>(item, rule.item);
    if (rule.parity == Parity::odd && value % 2 == 0) fail_value(item, "an odd number");
    values.push_back(value);
  }
  return values;
}

std::vector<double> read_numbers(const YamlNode& node, const NumberRange& range,
                                 std::size_t max_items) {
  if (node.kind != YamlKind::list) fail_value(node, "a list of numbers");
  if (node.items.size() > max_items) {
    throw TextError(node.at, fmt::format("expected at most {} numbers, found {}", max_items,
                                         node.items.size()));
  }
  std::vector<double> values;
  for (const YamlNode& item : node.items) values.push_back(read_number(item, range));
  return values;
}

std::string print_number(double value) { return fmt::format("{}", value); }

std::string print_text(const std::string& text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-";
  const bool plain_letters = text.find_first_not_of(kPlain) == std::string::npos;
  if (!text.empty() && plain_letters && !is_typed(text) && text.front() != '-' &&
      text.front() != '.') {
    return text;
  }
  std::string out = "\"";
  for (const char letter : text) {
    if (letter == '"' || letter == '\\') out += '\\';
    out += letter;
  }
  return out + '"';
}

std::string print_list(const std::vector<std::string>& items) {
  return fmt::format("[{}]", fmt::join(items, ", "));
}

std::string join(const std::vector<std::string>& words, std::string_view separator) {
  return fmt::format("{}", fmt::join(words, separator));
}

}  // namespace dropmuon
