// SPDX-License-Identifier: MIT
#include "likely_file.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <iterator>
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

// Without what a browser adds to the name of a second download: " (1)".
std::string without_copy_number(std::string name) {
  for (std::size_t open = name.find('('); open != std::string::npos; open = name.find('(', open)) {
    const std::size_t close = name.find_first_not_of("0123456789", ++open);
    if (close == std::string::npos || name[close] != ')' || close == open) continue;
    name.erase(open - 1, close - open + 2);
  }
  return name;
}

constexpr const char* kArchives[] = {"zip", "xz", "bz2", "zst", "7z", "rar", "lzma", "tar", "tgz"};

// What does not depend on capitals, on the sign between words and on endings: 7-Zip and Kaggle
// write train-images.idx3-ubyte, others add .idx, .ubyte or .gz.
std::string core_of(const std::string& name) {
  std::string core = lower(without_copy_number(name));
  std::erase_if(core, [](unsigned char letter) { return std::isalnum(letter) == 0; });
  std::vector<std::string> endings{"gz", "bin", "ubyte", "idx", "idx1", "idx3", "dat"};
  endings.insert(endings.end(), std::begin(kArchives), std::end(kArchives));
  for (bool cut = true; cut;) {
    cut = false;
    for (const std::string& ending : endings) {
      if (!core.ends_with(ending)) continue;
      core.resize(core.size() - ending.size());
      cut = true;
    }
  }
  return core;
}

// "gz" of a.tar.gz and of "a.GZ (1)".
std::string ending_of(const fs::path& file) {
  std::string name = lower(without_copy_number(file.filename().string()));
  while (name.ends_with(' ')) name.pop_back();
  return name.substr(std::min(name.size(), name.rfind('.') + 1));
}

// a.zip, a.tar.gz; not a.gz, which is read as it is.
bool is_archive(const fs::path& file) {
  const std::string ending = ending_of(file);
  const bool is_tar = ending_of(file.stem()) == "tar";
  return is_tar ||
         std::find(std::begin(kArchives), std::end(kArchives), ending) != std::end(kArchives);
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

// As one archive: cifar-10-binary.tar.gz, FashionMNIST.zip.
fs::path archive_in(const fs::path& folder, const std::string& dataset) {
  for (const fs::path& entry : entries_of(folder)) {
    std::error_code ignored;
    const bool is_it = is_like(entry.filename().string(), dataset) && is_archive(entry);
    if (is_it && fs::is_regular_file(entry, ignored)) return entry;
  }
  return {};
}

// The first of `path` and the folders above that is a link to nothing.
fs::path broken_link(const fs::path& path) {
  fs::path so_far;
  for (const fs::path& part : path) {
    so_far /= part;
    std::error_code ignored;
    const auto what = fs::symlink_status(so_far, ignored);
    if (!fs::is_symlink(what)) continue;
    std::error_code error;
    if (fs::status(so_far, error).type() == fs::file_type::not_found) return so_far;
  }
  return {};
}

fs::path search_all(const fs::path& root, const std::string& dataset, const std::string& name) {
  constexpr int kDepth = 2;
  fs::path found = search(root / dataset, name, kDepth);
  for (const fs::path& beside : entries_of(root)) {
    std::error_code ignored;
    if (!found.empty()) break;
    if (is_like(beside.filename().string(), dataset) && fs::is_directory(beside, ignored)) {
      found = search(beside, name, kDepth);
    }
  }
  if (found.empty()) found = search(root, name, 0);
  if (found.empty()) found = archive_in(root / dataset, dataset);
  return found.empty() ? archive_in(root, dataset) : found;
}

// Whether somebody gave the data set's folder itself as `root`, and it is whole but for that.
bool is_one_too_deep(const fs::path& root, const std::string& dataset, const std::string& name,
                     const fs::path& found) {
  const std::string file = found.filename().string();
  return root.filename() == dataset && found.parent_path() == root &&
         (file == name || file == name + ".gz");
}

}  // namespace

std::string hint_of_likely_file(const std::string& given_root, const std::string& dataset,
                                const std::string& name) {
  fs::path root = given_root;
  if (!root.has_filename() && root.has_relative_path()) root = root.parent_path();  // "data/"
  const fs::path folder = root / dataset;
  for (const fs::path& file : {folder / name, folder / (name + ".gz")}) {
    const fs::path link = broken_link(file);
    std::error_code ignored;
    if (link.empty()) continue;
    return fmt::format("; {} is a link to {}, which is not there", link.string(),
                       fs::read_symlink(link, ignored).string());
  }
  const fs::path found = search_all(root, dataset, name);
  if (found.empty()) return "";
  const std::string ending = ending_of(found);
  const bool is_pickled = found.filename().string().find("python") != std::string::npos ||
                          (!is_archive(found) && ending != "bin" && ending != "gz");
  if (dataset == "cifar10" && is_pickled) {
    return fmt::format("; found {}, the pickled Python version: the binary version is needed",
                       found.string());
  }
  if (is_archive(found)) {
    return fmt::format("; found {}: unpack it, to have {}", found.string(),
                       (folder / name).string());
  }
  if (is_one_too_deep(root, dataset, name, found)) {
    const fs::path above = root.parent_path();
    return fmt::format("; found {}: give the folder above, {}, as data.root", found.string(),
                       above.empty() ? "." : above.string());
  }
  const std::string whole = (folder / (name + (ending == "gz" ? ".gz" : ""))).string();
  return fmt::format("; found {}: rename it to {}", found.string(), whole);
}

}  // namespace dropmuon
