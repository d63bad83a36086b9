// SPDX-License-Identifier: MIT
// Where runs are, and in which order.
#include <algorithm>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "../sweep/definition.h"
#include "../sweep/label.h"
#include <dropmuon/config/text.h>
#include <dropmuon/core/error.h>
#include <dropmuon/core/file_system.h>
#include <dropmuon/core/run_files.h>
#include <dropmuon/experiments/compare.h>

namespace dropmuon {
namespace {

namespace fs = std::filesystem;
constexpr int kDepth = 3;

bool is_run_folder(const fs::path& folder) {
  int marks = 0;
  for (const char* name : {run_files::kConfig, run_files::kProvenance, run_files::kMetrics,
                           run_files::kSummary, run_files::kStatus}) {
    if (FileSystem::real().exists((folder / name).string())) ++marks;
  }
  return marks >= 2;
}

// Runs, and what could not be looked into, where a list for that is given.
class Search {
 public:
  explicit Search(std::vector<std::string>* problems) : problems_(problems) {}
  const std::vector<std::string>& found() const { return found_; }

  void look_into(const fs::path& folder, int depth) {
    try {
      if (is_run_folder(folder)) {
        found_.push_back(folder.string());
        return;
      }
    } catch (const Error& error) {  // who knows what it is
      problem(error.what());
      return;
    }
    if (depth == 0) return;
    std::error_code error;
    fs::directory_iterator entries(folder, error);
    for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
      if (is_folder(entries->path())) look_into(entries->path(), depth - 1);
    }
    if (error) problem(fmt::format("cannot look into {}: {}", folder.string(), error.message()));
  }

  void problem(const std::string& line) {
    if (problems_ == nullptr) fail(ExitCode::missing_input, "{}", line);
    problems_->push_back(line);
  }

 private:
  // A link to nowhere, or in a circle, is none; what may not be looked at could be one.
  bool is_folder(const fs::path& path) {
    std::error_code error;
    const bool yes = fs::is_directory(path, error);
    const bool is_none = error == std::errc::no_such_file_or_directory ||
                         error == std::errc::too_many_symbolic_link_levels;
    if (error && !is_none) {
      problem(fmt::format("cannot look at {}: {}", path.string(), error.message()));
    }
    return yes;
  }

  std::vector<std::string> found_;
  std::vector<std::string>* problems_;
};

// "" if there is such a folder.
std::string why_no_folder(const std::string& path) {
  std::error_code ignored;
  try {
    if (FileSystem::real().exists(path) && fs::is_directory(path, ignored)) return "";
  } catch (const Error& error) {
    return error.what();
  }
  return fmt::format("no folder {}; expected run folders or folders of runs", one_line(path));
}

// --- the order of a sweep's runs ----------------------------------------------------------------

// What the folders of a sweep's jobs begin with, each with its place.
using LabelPlaces = std::map<std::string, std::size_t>;

LabelPlaces label_places(const SweepDefinition& sweep) {
  std::vector<std::string> paths;
  double points = 1.0;
  for (const GridAxis& axis : sweep.grid) {
    paths.push_back(axis.path);
    points *= static_cast<double>(axis.values.size());
  }
  if (points > static_cast<double>(kMaxSweepJobs)) return {};
  for (const RandomAxis& axis : sweep.random.axes) paths.push_back(axis.path);
  const std::map<std::string, std::string> names = short_names(paths);
  LabelPlaces places;
  for (const SweepCase& each : sweep.cases) {
    for (const SweepPoint& point : grid_points(sweep.grid)) {
      places.emplace(label_of(each.name, point, names), places.size());
    }
  }
  return places;
}

// None if there is no such file, or one that is no sweep.
LabelPlaces read_label_places(const std::string& sweep_file) {
  try {
    const std::string text = read_config_text(sweep_file);
    return label_places(read_sweep_definition(parse_yaml(text), sweep_file));
  } catch (const std::runtime_error&) {  // Error or TextError
    return {};
  }
}

// Of the longest label that `name` begins with, as "uniform-masked" in "uniform-masked-seed=0".
std::size_t place_of(const std::string& name, const LabelPlaces& places) {
  for (std::size_t end = name.size(); end != 0 && end != std::string::npos;
       end = name.rfind('-', end - 1)) {
    const auto found = places.find(name.substr(0, end));
    if (found != places.end()) return found->second;
  }
  return places.size();
}

}  // namespace

std::vector<std::string> runs_in_order(const std::vector<std::string>& paths,
                                       std::vector<std::string>* problems) {
  std::vector<std::string> folders;
  for (const std::string& path : paths) {
    for (std::string& folder : find_run_folders(path, problems)) {
      folders.push_back(std::move(folder));
    }
  }
  std::map<fs::path, std::vector<std::size_t>> together;  // by the folder that they are in
  std::vector<std::string> names;
  for (std::size_t i = 0; i < folders.size(); ++i) {
    std::error_code ignored;
    const fs::path whole = fs::canonical(folders[i], ignored);
    names.push_back(whole.filename().string());
    together[whole.parent_path()].push_back(i);
  }
  std::vector<std::string> ordered = folders;
  for (const auto& [parent, members] : together) {
    const LabelPlaces places = read_label_places((parent / "sweep.yaml").string());
    std::vector<std::size_t> sorted = members;
    std::stable_sort(sorted.begin(), sorted.end(), [&](std::size_t a, std::size_t b) {
      return place_of(names[a], places) < place_of(names[b], places);
    });
    for (std::size_t i = 0; i < members.size(); ++i) ordered[members[i]] = folders[sorted[i]];
  }
  return ordered;
}

std::vector<std::string> find_run_folders(const std::string& path,
                                          std::vector<std::string>* problems) {
  Search search(problems);
  const std::string missing = why_no_folder(path);
  if (!missing.empty()) {
    search.problem(missing);
    return {};
  }
  fs::path folder(path);
  if (!folder.has_filename()) folder = folder.parent_path();  // "runs/a/"
  const std::size_t before = problems == nullptr ? 0 : problems->size();
  search.look_into(folder, kDepth);
  std::vector<std::string> found = search.found();
  const bool is_told = problems != nullptr && problems->size() > before;
  if (found.empty() && !is_told) {
    search.problem(fmt::format("no run in {}, down to {} folders deep", one_line(path), kDepth));
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace dropmuon
