// SPDX-License-Identifier: MIT
// Weights in the safetensors format: readable from Python in three lines.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <dropmuon/dataset/normalization.h>
#include <dropmuon/engine/network.h>
#include <dropmuon/training/safetensors.h>

namespace dropmuon {

// Writes beside `path` first and renames, so a reader never sees half a file. The header's metadata
// has the CRC-32C of each tensor, which read_weights() verifies, and the constants that the images
// were normalised with. Throws Error(cannot_write).
void save_weights(const std::string& path, Network& network, const Normalization& normalization,
                  const Backend& backend);

// Sets every parameter of the network from `tensors`; names and shapes must match exactly. Throws
// Error(bad_data) naming the tensor and `source`.
void set_weights(const std::vector<NamedTensor>& tensors, const std::string& source,
                 Network& network, Backend& backend);

// Weights as they were saved: `path` is a weights file; a checkpoint's folder; `latest` or `best`
// in a folder of checkpoints; or a run folder, whose final weights are meant, or if it has none
// those of its newest whole checkpoint. A whole checkpoint is verified against its manifest, and
// one that is damaged and passed over is a warning. Throws Error(missing_input) or Error(bad_data).
struct SavedWeights {
  std::vector<NamedTensor> tensors;
  std::string source;                          // the file or the checkpoint's folder
  std::string file;                            // the file proper
  std::optional<Normalization> normalization;  // none in files of older programs and others
};
SavedWeights read_weights(const std::string& path);

}  // namespace dropmuon
