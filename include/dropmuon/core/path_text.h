// SPDX-License-Identifier: MIT
// Paths as people write them.
#pragma once

#include <string>

namespace dropmuon {

// A leading `~/` or a lone `~` is $HOME, also where no shell has seen the text. What a shell would
// have expanded too, and this program does not, is a problem and no folder of that name: ~user,
// $NAME and ${NAME} anywhere, $(..) at the start, unless the text begins with ./ and so is meant
// as it stands.
struct PathText {
  std::string path;
  std::string problem;  // one line; "": none
};
PathText expand_path(const std::string& text);

// The path, or Error(usage).
std::string expanded_path(const std::string& text);

}  // namespace dropmuon
