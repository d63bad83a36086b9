// SPDX-License-Identifier: MIT
// Weights in the safetensors format: readable from Python in three lines.
#pragma once

#include <string>

#include <dropmuon/engine/network.h>

namespace dropmuon {

// Writes beside `path` first and renames, so a reader never sees half a file. Throws
// Error(cannot_write).
void save_weights(const std::string& path, Network& network, const Backend& backend);

// Loads every parameter of the network; names and shapes must match exactly. Throws
// Error(missing_input) or Error(bad_data) naming the tensor.
void load_weights(const std::string& path, Network& network, Backend& backend);

}  // namespace dropmuon
