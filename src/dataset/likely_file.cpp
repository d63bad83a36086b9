// SPDX-License-Identifier: MIT
#include "likely_file.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <vector>

#include <fmt/format.h>

namespace dropmuon {
namespace {

namespace fs = std::filesystem;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return text;
}

// What does not depend on capitals, on the sign between words and on endings: 7-Zip and Kaggle
// write train-images.idx3-ubyte, others add .idx, .ubyte or .gz.
std::string core_of(const std::string& name) {
  std::string core = lower(name);
  std::erase_if(core, [](unsigned char letter) { return std::isalnum(letter) == 0; });
  for (bool cut = true; cut;) {
    cut = false;
    for (const char* ending : {"gz", "bin", "ubyte", "idx", "idx1", "idx3", "dat"}) {
      if (!core.ends_with(ending)) continue;
      core.resize(core.size() - std::string(ending).size());
      cut = true;
    }
  }
  return core;
}

// In order of name, and few: a folder of a million files is not searched.
std::vector<fs::path> entries_of(const fs::path& folder) {
  constexpr std::size_t kMost = 1000;
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator at(folder, error);
       !error && at != fs::directory_iterator() && entries.size() < kMost; at.increment(error)) {
    entries.push_back(at->path());
  }
  std::sort(entries.begin(), entries.end());
  return entries;
}

// A file like `name` in the folder or at most two below.
fs::path search(const fs::path& folder, const std::string& name, int depth) {
  std::error_code ignored;
  const std::vector<fs::path> entries = entries_of(folder);
  for (const fs::path& entry : entries) {
    const bool same = core_of(entry.filename().string()) == core_of(name);
    if (same && fs::is_regular_file(entry, ignored)) return entry;
  }
  for (const fs::path& entry : entries) {
    if (depth == 0 || !fs::is_directory(entry, ignored)) continue;
    fs::path found = search(entry, name, depth - 1);
    if (!found.empty()) return found;
  }
  return {};
}

// FashionMNIST for fashion-mnist, cifar-10-batches-bin for cifar10.
bool is_like(const std::string& folder, const std::string& dataset) {
  return core_of(folder).starts_with(core_of(dataset));
}

}  // namespace

std::string hint_of_likely_file(const std::string& root, const std::string& dataset,
                                const std::string& name) {
  constexpr int kDepth = 2;
  const fs::path folder = fs::path(root) / dataset;
  fs::path found = search(folder, name, kDepth);
  for (const fs::path& beside : entries_of(root)) {
    std::error_code ignored;
    if (!found.empty()) break;
    if (is_like(beside.filename().string(), dataset) && fs::is_directory(beside, ignored)) {
      found = search(beside, name, kDepth);
    }
  }
  if (found.empty()) return "";
  const std::string ending = lower(found.extension().string());
  if (dataset == "cifar10" && ending != ".bin" && ending != ".gz") {
    return fmt::format("; found {}, the pickled Python version: the binary version is needed",
                       found.string());
  }
  const std::string whole = (folder / (name + (ending == ".gz" ? ".gz" : ""))).string();
  return fmt::format("; found {}: rename it to {}", found.string(), whole);
}

}  // namespace dropmuon
