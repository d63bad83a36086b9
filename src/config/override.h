// SPDX-License-Identifier: MIT
// KEY=VALUE on the command line.
#pragma once

#include <string>

#include <dropmuon/config/config.h>

namespace dropmuon {

struct Override {
  std::string text;  // "optimizer.lr=0.05"
  std::string path;
  std::string value;
};

// All throw Error(bad_config), one line that begins with the override.
Override split_override(const std::string& text);
// The value of a text or a path is all that stands behind '=', blanks, '#' and ':' included, unless
// it is one quoted text of YAML, '..' or "..". Other values are YAML, without comments.
void apply_override(RunConfig& config, const Override& item);
[[noreturn]] void fail_override(const Override& item, const std::string& message);

}  // namespace dropmuon
