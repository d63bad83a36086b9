// SPDX-License-Identifier: MIT
// The constants that the images were normalised with, in the metadata of a weights file: without
// them the weights give other numbers wherever the training images are others.
#pragma once

#include <map>
#include <optional>
#include <string>

#include <dropmuon/dataset/normalization.h>

namespace dropmuon {

// Numbers with as many digits as bring back every bit, separated by commas, and a CRC-32C.
void add_normalization(const Normalization& normalization,
                       std::map<std::string, std::string>& metadata);

// Nothing if the metadata has no such keys. Throws Error(bad_data) naming `path` for constants that
// are damaged, incomplete or impossible.
std::optional<Normalization> find_normalization(const std::map<std::string, std::string>& metadata,
                                                const std::string& path);

}  // namespace dropmuon
