// SPDX-License-Identifier: MIT
#include "resume_check.h"

#include <filesystem>
#include <sstream>

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <dropmuon/core/error.h>
#include <dropmuon/core/file_system.h>
#include <dropmuon/core/log.h>
#include <dropmuon/core/run_files.h>
#include <dropmuon/runner/recorded_data.h>

namespace dropmuon {
namespace {

using OrderedJson = nlohmann::ordered_json;

// Not an object: there is none that can be understood.
OrderedJson read_json(const std::string& path) {
  FileSystem& files = FileSystem::real();
  if (!files.exists(path)) return nullptr;
  return OrderedJson::parse(files.read_file(path), nullptr, false);
}

// Of the process that worked there last: the last whole line of the resumes, or the first process.
OrderedJson last_process(const std::string& folder) {
  const std::string resumes = folder + "/" + run_files::kResumes;
  if (FileSystem::real().exists(resumes)) {
    std::string text = FileSystem::real().read_file(resumes);
    text.resize(text.rfind('\n') + 1);  // a power cut may have torn the last one
    if (!text.empty()) {
      text.pop_back();
      const OrderedJson json =
          OrderedJson::parse(text.substr(text.rfind('\n') + 1), nullptr, false);
      if (json.is_object()) return json;
    }
  }
  return read_json(folder + "/" + run_files::kProvenance);
}

std::string value_text(const OrderedJson& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// What changes no bit.
bool is_of_no_account(const std::string& fact) {
  return fact == "host" || fact == "binding" || fact == "waiting";
}

// "threads: 2 then, 4 now" for each fact that both have and that differs.
void compare_facts(const std::string& name, const OrderedJson& then, const OrderedJson& now,
                   std::vector<std::string>& differences) {
  if (then.is_object() && now.is_object()) {
    for (const auto& [key, value] : now.items()) {
      if (!is_of_no_account(key) && then.contains(key)) {
        compare_facts(key, then.at(key), value, differences);
      }
    }
  } else if (then != now) {
    differences.push_back(
        fmt::format("{}: {} then, {} now", name, value_text(then), value_text(now)));
  }
}

std::optional<RecordedData> data_noted_in(const OrderedJson& json) {
  if (!json.is_object() || !json.contains("data") || !json["data"].is_object()) return std::nullopt;
  RecordedData recorded;
  const OrderedJson& data = json["data"];
  if (data.contains("name") && data["name"].is_string()) recorded.dataset = data["name"];
  if (data.contains("sha256") && data["sha256"].is_object()) {
    for (const auto& [name, hash] : data["sha256"].items()) {
      if (hash.is_string()) recorded.sha256[name] = hash.get<std::string>();
    }
  }
  return recorded;
}

std::string short_hash(const std::string& hash) { return hash.substr(0, 12); }

}  // namespace

// Where the first process's notes are gone or damaged, the first of the resumes that has some.
std::optional<RecordedData> recorded_data(const std::string& folder) {
  std::optional<RecordedData> recorded =
      data_noted_in(read_json(folder + "/" + run_files::kProvenance));
  const std::string resumes = folder + "/" + run_files::kResumes;
  if ((recorded && !recorded->sha256.empty()) || !FileSystem::real().exists(resumes))
    return recorded;
  std::istringstream lines(FileSystem::real().read_file(resumes));
  for (std::string line; std::getline(lines, line);) {
    const auto noted = data_noted_in(OrderedJson::parse(line, nullptr, false));
    if (noted && !noted->sha256.empty()) return noted;
  }
  return recorded;
}

std::vector<std::string> other_files(const RecordedData& recorded, const Dataset& data) {
  std::vector<std::string> names;
  std::map<std::string, std::string> unseen = recorded.sha256;
  for (const auto& [name, hash] : data.hashes) {
    const auto then = unseen.find(name);
    if (then == unseen.end() || then->second != hash) names.push_back(name);
    unseen.erase(name);
  }
  for (const auto& [name, hash] : unseen) names.push_back(name);
  return names;
}

void require_same_data(const std::string& folder, const Dataset& data) {
  if (data.hashes.empty()) return;  // made, not read
  const std::optional<RecordedData> recorded = recorded_data(folder);
  if (!recorded || recorded->sha256.empty()) {
    log::warning(
        "{}: no SHA-256 of the data files was noted; whether they are still the same is not known",
        folder);
    return;
  }
  const std::vector<std::string> names = other_files(*recorded, data);
  if (names.empty()) return;
  std::vector<std::string> found;
  for (const std::string& name : names) {
    const auto then = recorded->sha256.find(name);
    std::string now;
    for (const auto& [file, hash] : data.hashes) now = file == name ? hash : now;
    found.push_back(
        fmt::format("{} (SHA-256 {}, now {})", name,
                    then == recorded->sha256.end() ? "not noted" : short_hash(then->second) + "..",
                    now.empty() ? "not used" : short_hash(now) + ".."));
  }
  fail(ExitCode::bad_data,
       "{}: expected the data files that this run was trained on, found others in {}: {}; put the "
       "old ones back, or start anew from the weights with train.init_from",
       folder, data.source, fmt::join(found, ", "));
}

void require_same_config(const std::string& folder, const ConfigHashes& hashes) {
  const OrderedJson json = read_json(folder + "/" + run_files::kProvenance);
  const auto noted = [&](const char* key) {
    return json.is_object() && json.contains(key) && json[key].is_string()
               ? json[key].get<std::string>()
               : "";
  };
  const std::string text = noted("config_text_hash");
  if (text.empty() || text == hashes.of_text) return;
  if (noted("config_hash") != hashes.own) {
    fail(ExitCode::bad_config,
         "{}/config.yaml: this run was made with the configuration {}, found {}: edited or "
         "damaged; put the old text back, or start a run of its own",
         folder, noted("config_hash"), hashes.own);
  }
  fail(ExitCode::bad_data,
       "{}/config.yaml: its hash is {}, but provenance.json has {}: edited or damaged, and no "
       "comparison would take the run; put the old text back, or start a run of its own",
       folder, hashes.of_text, text);
}

void warn_if_elsewhere(const std::string& folder, const std::string& document) {
  const OrderedJson then = last_process(folder);
  const OrderedJson now = OrderedJson::parse(document);
  std::vector<std::string> differences;
  for (const char* part : {"machine", "program"}) {
    if (then.is_object() && then.contains(part) && now.contains(part)) {
      compare_facts(part, then.at(part), now.at(part), differences);
    }
  }
  if (differences.empty()) return;
  log::warning(
      "this run goes on elsewhere than before, so its bits will be others than those of "
      "an uncut run: {}",
      fmt::join(differences, "; "));
}

void note_provenance(const std::string& folder, const std::string& document) {
  FileSystem& files = FileSystem::real();
  const std::string first = folder + "/" + run_files::kProvenance;
  if (!files.exists(first)) {
    files.replace_file(first, document);
    return;
  }
  const std::string path = folder + "/" + run_files::kResumes;
  std::string lines = files.exists(path) ? files.read_file(path) : "";
  lines.resize(lines.rfind('\n') + 1);  // a power cut may have torn the last one
  files.replace_file(path, lines + OrderedJson::parse(document).dump() + "\n");
}

}  // namespace dropmuon
