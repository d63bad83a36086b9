// SPDX-License-Identifier: MIT
#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <dropmuon/core/run_files.h>
#include <dropmuon/core/run_hint.h>
#include <dropmuon/core/text.h>

namespace dropmuon {
namespace fs = std::filesystem;
namespace {

bool holds(const fs::path& folder, const char* name) {
  std::error_code ignored;
  return fs::is_regular_file(folder / name, ignored);
}

// A folder of configurations may have a config.yaml as well.
bool is_run(const fs::path& folder) {
  return holds(folder, run_files::kConfig) &&
         (holds(folder, run_files::kStatus) || holds(folder, run_files::kMetricsCsv));
}

// The name of a run begins with the time of its start, below whatever folder it lies.
bool is_older(const fs::path& a, const fs::path& b) {
  return std::pair(a.filename(), a) < std::pair(b.filename(), b);
}

void collect(const fs::path& folder, int depth, std::vector<fs::path>& runs) {
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    std::error_code ignored;
    if (is_run(entry->path())) {
      runs.push_back(entry->path());
    } else if (depth > 1 && entry->is_directory(ignored)) {
      collect(entry->path(), depth - 1, runs);
    }
  }
}

std::string run_above(const fs::path& path) {
  constexpr int kLevels = 3;  // RUN/checkpoints/step_00000010/weights.safetensors
  fs::path at = path.lexically_normal();
  if (!at.has_filename()) at = at.parent_path();  // "x/"
  for (int level = 0; level < kLevels && at.has_relative_path(); ++level) {
    at = at.parent_path();
    if (!at.empty() && is_run(at)) return at.string();
  }
  return "";
}

bool is_sweep_folder(const std::string& path) { return holds(path, "sweep.yaml"); }

std::string sweep_hint() {
  return "; it is the folder of a sweep, which goes on with `dropmuon sweep FILE`";
}

std::string hint_of_part(const std::string& run) {
  return fmt::format("; it is part of the run {}, name that", run);
}

std::string hint_of_run_in(const std::string& folder) {
  const std::string newest = newest_run_in(folder);
  return newest.empty() ? "" : fmt::format("; name one of the runs in it, such as {}", newest);
}

std::string configuration_hint(const std::string& run) {
  return fmt::format(
      "`dropmuon train --resume {}` goes on with it, and {}/config.yaml is its "
      "configuration",
      shell_quoted(run), run);
}

}  // namespace

std::string run_around(const std::string& path) {
  const std::string near = run_above(fs::path(path));
  std::error_code ignored;
  return near.empty() ? run_above(fs::absolute(path, ignored)) : near;
}

std::string newest_run_in(const std::string& path) {
  constexpr int kDepth = 2;  // runs/NAME/STAMP
  std::vector<fs::path> runs;
  collect(fs::path(path), kDepth, runs);
  const auto newest = std::max_element(runs.begin(), runs.end(), is_older);
  return newest == runs.end() ? "" : newest->string();
}

bool is_of_a_run(const std::string& file) {
  static const std::set<std::string> kNames = {"best",
                                               "latest",
                                               run_files::kStatus,
                                               run_files::kMetricsCsv,
                                               run_files::kMetrics,
                                               run_files::kLog,
                                               "job.log",
                                               run_files::kError,
                                               "state.json",
                                               "manifest.json",
                                               run_files::kSummary,
                                               run_files::kProvenance,
                                               run_files::kResumes};
  return kNames.contains(fs::path(file).filename().string()) && !run_around(file).empty();
}

std::string hint_for_run(const std::string& path) {
  const std::string around = run_around(path);
  if (!around.empty()) return hint_of_part(around);
  return is_sweep_folder(path) ? sweep_hint() : hint_of_run_in(path);
}

std::string hint_for_weights(const std::string& path) {
  const std::string around = run_around(path);
  return around.empty() ? hint_of_run_in(path) : hint_of_part(around);
}

std::string hint_for_config(const std::string& path) {
  if (is_run(path) || holds(path, run_files::kConfig)) {
    const std::string run =
        path.size() > 1 && path.ends_with('/') ? path.substr(0, path.size() - 1) : path;
    return " of a run: " + configuration_hint(run);
  }
  const std::string around = run_around(path);
  if (!around.empty()) {
    return fmt::format("; it is part of the run {}: {}", around, configuration_hint(around));
  }
  if (is_sweep_folder(path)) return sweep_hint();
  const std::string newest = newest_run_in(path);
  if (newest.empty()) return "";
  return fmt::format("; the newest run in it is {}: {}", newest, configuration_hint(newest));
}

}  // namespace dropmuon
