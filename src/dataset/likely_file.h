// SPDX-License-Identifier: MIT
// A data file that is there under another name, as other programs and unpackers leave it.
#pragma once

#include <string>

namespace dropmuon {

// What to say about the missing <root>/<dataset>/<name>, such as "; found data/MNIST/raw/..: rename
// it to ..", or "" if nothing near by looks like it.
std::string hint_of_likely_file(const std::string& root, const std::string& dataset,
                                const std::string& name);

}  // namespace dropmuon
