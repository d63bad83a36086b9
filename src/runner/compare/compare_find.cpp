// SPDX-License-Identifier: MIT
#include <algorithm>
#include <filesystem>

#include "../config/config_text.h"
#include <dropmuon/core/error.h>
#include <dropmuon/runner/compare.h>

namespace dropmuon {
namespace {

namespace fs = std::filesystem;
constexpr int kDepth = 3;

bool is_run_folder(const fs::path& folder) {
  int marks = 0;
  for (const char* name :
       {"config.yaml", "provenance.json", "metrics.jsonl", "summary.json", "STATUS"}) {
    std::error_code ignored;
    if (fs::exists(folder / name, ignored)) ++marks;
  }
  return marks >= 2;
}

void collect(const fs::path& folder, int depth, std::vector<std::string>& found) {
  if (is_run_folder(folder)) {
    found.push_back(folder.string());
    return;
  }
  if (depth == 0) return;
  std::error_code error;
  fs::directory_iterator entries(folder, error);
  for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
    std::error_code ignored;
    if (entries->is_directory(ignored)) collect(entries->path(), depth - 1, found);
  }
  if (error) {
    fail(ExitCode::missing_input, "cannot look into {}: {}", folder.string(), error.message());
  }
}

}  // namespace

std::vector<std::string> find_run_folders(const std::string& path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) {
    fail(ExitCode::missing_input, "no folder {}; expected run folders or folders of runs",
         one_line(path));
  }
  std::vector<std::string> found;
  fs::path folder(path);
  if (!folder.has_filename()) folder = folder.parent_path();  // "runs/a/"
  collect(folder, kDepth, found);
  if (found.empty()) {
    fail(ExitCode::missing_input, "no run in {}, down to {} folders deep", one_line(path), kDepth);
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace dropmuon
