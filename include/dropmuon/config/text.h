// SPDX-License-Identifier: MIT
// The text of a config file: read with a size limit, checked for bytes that no config needs, and
// able to show one of its places in an error message.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include <dropmuon/core/error.h>

namespace dropmuon {

// Both count from 0; columns count bytes.
struct TextPosition {
  int line = 0;
  int column = 0;
};

// What is wrong at a place of a text whose file name the thrower does not know.
class TextError : public std::runtime_error {
 public:
  TextError(TextPosition at, const std::string& message) : std::runtime_error(message), at_(at) {}
  TextPosition at() const { return at_; }

 private:
  TextPosition at_;
};

constexpr std::size_t kMaxConfigBytes = 1 << 20;

// The file without its byte order mark. Throws Error(missing_input) or, for a file that is too
// large, Error(bad_config).
std::string read_config_text(const std::string& path);

enum class TextSource { file, command_line };

// Throws TextError for invalid UTF-8, control characters and tabs used as indentation.
void check_config_text(std::string_view text, TextSource source = TextSource::file);

// A letter of valid UTF-8, and whether nobody sees it: it looks like a blank, or like nothing.
struct Letter {
  std::uint32_t code = 0;
  std::size_t size = 1;  // in bytes
};
Letter letter_at(std::string_view text, std::size_t i);
bool is_unseen(std::uint32_t code);

// Throws TextError for letters that look like a blank, or like nothing, and are none to YAML
// (no-break spaces, as web pages and word processors have them) outside of quotes and comments.
void check_blanks(std::string_view text);

// A user's text as part of a message: one line, clipped, nothing that a terminal would obey;
// letters that nobody sees as <U+00A0>.
std::string one_line(std::string_view text);

// A message that quotes such a text as it was: the same without the clipping.
std::string with_unseen_named(std::string_view message);

// "file:line:column: message", with the source line and a caret below the place as its excerpt.
Error error_at(const std::string& path, std::string_view text, const TextError& error,
               ExitCode code = ExitCode::bad_config);

}  // namespace dropmuon
