// SPDX-License-Identifier: MIT
// What a result must carry to be believed: program, machine, data, configuration.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <dropmuon/backend/backend.h>
#include <dropmuon/config/config.h>
#include <dropmuon/dataset/dataset.h>

namespace dropmuon {

std::string program_version();  // "0.1.0 (commit 1a2b3c4d5e6f)"

// How this program was built: compiler, build type, instruction set; name and value.
std::vector<std::pair<std::string, std::string>> build_facts();

// A JSON document about the process that is about to train. `command` is the command line as typed.
struct ProvenanceFacts {
  ConfigHashes config;  // of the run's config.yaml
  std::uint64_t seed = 0;
  std::string initial_weights;  // "<file> sha256 <hash>", or "" if they are random
};
std::string provenance_json(const ProvenanceFacts& facts, const DeviceInfo& device,
                            const Dataset& dataset, const std::vector<std::string>& command);

}  // namespace dropmuon
