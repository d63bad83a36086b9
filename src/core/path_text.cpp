// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <string_view>

#include <dropmuon/core/error.h>
#include <dropmuon/core/path_text.h>

namespace dropmuon {
namespace {

bool is_name_letter(char letter) {
  return std::isalnum(static_cast<unsigned char>(letter)) != 0 || letter == '_';
}

PathText refused(const std::string& text, const std::string& why) {
  return {.path = text, .problem = fmt::format("{}; write the folder out", why)};
}

}  // namespace

PathText expand_path(const std::string& text) {
  // "./$NAME" is said to be meant as it stands.
  for (std::size_t at = text.find('$'); at != std::string::npos && !text.starts_with("./");
       at = text.find('$', at + 1)) {
    const char next = at + 1 < text.size() ? text[at + 1] : ' ';
    if (next == '{' || (next == '(' && at == 0) || is_name_letter(next)) {
      return refused(text, "variables of a shell are not expanded here");
    }
  }
  if (!text.starts_with('~')) return {.path = text, .problem = ""};
  if (text.size() > 1 && text[1] != '/') return refused(text, "~USER is not expanded here");
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == '\0') return refused(text, "~ means $HOME, which is not set");
  std::string path = home;
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  if (path == "/") path = text.size() > 1 ? "" : "/";
  return {.path = path + text.substr(1), .problem = ""};
}

std::string expanded_path(const std::string& text) {
  PathText expanded = expand_path(text);
  if (!expanded.problem.empty()) fail(ExitCode::usage, "{}: {}", text, expanded.problem);
  return std::move(expanded.path);
}

}  // namespace dropmuon
