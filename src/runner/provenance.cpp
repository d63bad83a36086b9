// SPDX-License-Identifier: MIT
#include <array>
#include <ctime>

#include <fmt/chrono.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <dropmuon/runner/build_info.h>
#include <dropmuon/runner/provenance.h>

namespace dropmuon {

std::string program_version() {
  return fmt::format("{} (commit {})", build_info::kVersion, build_info::kCommit);
}

std::vector<std::pair<std::string, std::string>> build_facts() {
  return {{"version", build_info::kVersion},
          {"commit", build_info::kCommit},
          {"compiler", build_info::kCompiler},
          {"build type", build_info::kBuildType},
          {"instruction set", build_info::kNative ? "of the build machine" : "baseline"}};
}

std::string provenance_json(const ProvenanceFacts& facts, const DeviceInfo& device,
                            const Dataset& dataset, const std::vector<std::string>& command) {
  nlohmann::ordered_json json;
  json["command"] = command;
  json["started_utc"] = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
  json["config_hash"] = facts.config.own;
  json["config_text_hash"] = facts.config.of_text;  // damage shows in any key
  json["seed"] = facts.seed;
  if (!facts.initial_weights.empty()) json["initial_weights"] = facts.initial_weights;
  for (const auto& [name, value] : build_facts()) json["program"][name] = value;
  std::array<char, 256> host{};
  json["machine"]["host"] = gethostname(host.data(), host.size() - 1) == 0 ? host.data() : "";
  json["machine"]["device"] = device.kind;
  json["machine"]["name"] = device.name;
  if (device.threads > 0) {
    json["machine"]["threads"] = device.threads;
    json["machine"]["binding"] = device.binding;
    json["machine"]["waiting"] = device.waiting;
    json["machine"]["instruction_set"] = device.instruction_set;
  }
  json["machine"]["precision"] = device.precision;
  if (device.memory_bytes > 0) {
    json["machine"]["memory_bytes"] = device.memory_bytes;
    json["machine"]["graphs"] = device.graphs;
  }
  for (const auto& [name, value] : device.libraries) json["machine"]["libraries"][name] = value;
  json["data"]["name"] = dataset.name;
  json["data"]["source"] = dataset.source;
  json["data"]["verdict"] = dataset.verdict;
  for (const auto& [name, hash] : dataset.hashes) json["data"]["sha256"][name] = hash;
  // Command lines and host names may hold any bytes.
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace dropmuon
