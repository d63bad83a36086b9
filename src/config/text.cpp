// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#include <fmt/format.h>

#include <dropmuon/config/text.h>
#include <dropmuon/core/error.h>
#include <dropmuon/core/run_hint.h>

namespace dropmuon {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::size_t kShownCharacters = 100;
constexpr std::size_t kShownWord = 60;

unsigned char byte_at(std::string_view text, std::size_t i) {
  return static_cast<unsigned char>(text[i]);
}

bool is_continuation(unsigned char byte) { return (byte & 0xC0U) == 0x80U; }

// Bytes of the UTF-8 sequence that starts at i, or 0 if it is not valid (RFC 3629).
std::size_t utf8_length(std::string_view text, std::size_t i) {
  const unsigned char lead = byte_at(text, i);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || i + length > text.size()) return 0;
  for (std::size_t k = 1; k < length; ++k) {
    if (!is_continuation(byte_at(text, i + k))) return 0;
  }
  const unsigned char second = byte_at(text, i + 1);
  const bool overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
  const bool surrogate = lead == 0xED && second > 0x9F;
  const bool too_large = lead == 0xF4 && second > 0x8F;
  return overlong || surrogate || too_large ? 0 : length;
}

bool is_control(std::string_view text, std::size_t i) {
  const unsigned char byte = byte_at(text, i);
  if (byte == '\r') return i + 1 >= text.size() || text[i + 1] != '\n';
  return (byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7F;
}

std::string_view source_line(std::string_view text, int line) {
  for (; line > 0; --line) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  text = text.substr(0, text.find('\n'));
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

enum class Unseen { as_they_are, named };

// One entry per character, with '?' for what a terminal should not be sent.
std::vector<std::string> printable_characters(std::string_view line,
                                              Unseen unseen = Unseen::as_they_are) {
  std::vector<std::string> characters;
  for (std::size_t i = 0; i < line.size();) {
    const std::size_t length = utf8_length(line, i);
    if (length == 0 || line[i] == '\n' || is_control(line, i)) {
      characters.emplace_back("?");
    } else if (unseen == Unseen::named && is_unseen(letter_at(line, i).code)) {
      characters.push_back(fmt::format("<U+{:04X}>", letter_at(line, i).code));
    } else if (letter_at(line, i).code >= 0x80 && letter_at(line, i).code < 0xA0) {
      characters.emplace_back("?");  // terminals have commands of one such letter
    } else {
      characters.emplace_back(line[i] == '\t' ? " " : line.substr(i, length));
    }
    i += std::max<std::size_t>(length, 1);
  }
  return characters;
}

}  // namespace

std::string read_config_text(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    fail(ExitCode::missing_input, "{}: expected a config file, found a folder{}", path,
         hint_for_config(path));
  }
  if (is_of_a_run(path)) {
    fail(ExitCode::bad_config, "{}: expected a config file, found a file of a run{}", path,
         hint_for_config(path));
  }
  if (path.ends_with(".safetensors")) {
    fail(ExitCode::bad_config,
         "{}: expected a config file, found weights; a run starts from them with "
         "train.init_from={}, and `dropmuon eval` takes them",
         path, path);
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    fail(ExitCode::missing_input, "{}: cannot read this config file: {}", path,
         std::strerror(errno));
  }
  std::string text(kMaxConfigBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) fail(ExitCode::missing_input, "{}: reading this config file failed", path);
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kMaxConfigBytes) {
    fail(ExitCode::bad_config,
         "{}: larger than 1 MiB, which no config needs; is it the right file?", path);
  }
  if (text.starts_with(kByteOrderMark)) text.erase(0, kByteOrderMark.size());
  return text;
}

void check_config_text(std::string_view text, TextSource source) {
  TextPosition at;
  bool in_indentation = true;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text, i);
    if (length == 0) {
      throw TextError(
          at, fmt::format("expected UTF-8 text, found the byte 0x{:02x}; {}", byte_at(text, i),
                          source == TextSource::file
                              ? "save the file as UTF-8"
                              : "type it on a terminal, or in a script, of UTF-8"));
    }
    if (is_control(text, i)) {
      throw TextError(
          at, fmt::format("expected text, found the control character 0x{:02x}", byte_at(text, i)));
    }
    if (text[i] == '\t' && in_indentation) {
      throw TextError(at, "expected spaces as indentation, found a tab");
    }
    at.column += static_cast<int>(length);
    in_indentation = in_indentation && text[i] == ' ';
    if (text[i] == '\n') {
      at = {at.line + 1, 0};
      in_indentation = true;
    }
    i += length;
  }
}

std::string one_line(std::string_view text) {
  const std::vector<std::string> characters = printable_characters(text, Unseen::named);
  std::string out;
  for (std::size_t i = 0; i < std::min(characters.size(), kShownWord); ++i) out += characters[i];
  return characters.size() > kShownWord ? out + "..." : out;
}

std::string with_unseen_named(std::string_view message) {
  std::string out;
  for (const std::string& letter : printable_characters(message, Unseen::named)) out += letter;
  return out;
}

Error error_at(const std::string& path, std::string_view text, const TextError& error,
               ExitCode code) {
  const int line_number = std::max(error.at().line, 0);
  const std::string_view line = source_line(text, line_number);
  const auto column = static_cast<std::size_t>(std::max(error.at().column, 0));
  const std::vector<std::string> characters = printable_characters(line);
  const std::size_t place = printable_characters(line.substr(0, column)).size();
  const std::size_t begin = place < kShownCharacters ? 0 : place - kShownCharacters / 2;
  const std::size_t end = std::min(characters.size(), begin + kShownCharacters);
  std::string shown = begin > 0 ? "..." : "";
  const std::size_t caret = shown.size() + place - begin;
  for (std::size_t i = begin; i < end; ++i) shown += characters[i];
  if (end < characters.size()) shown += "...";
  return {code, fmt::format("{}:{}:{}: {}", path, line_number + 1, place + 1, error.what()),
          fmt::format("{}\n{}^", shown, std::string(caret, ' '))};
}

}  // namespace dropmuon
