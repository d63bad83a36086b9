// SPDX-License-Identifier: MIT
// Sweep files in a folder of their own, with a base that trains the synthetic set in a second.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <unistd.h>

#include <dropmuon/core/error.h>
#include <dropmuon/experiments/sweep.h>

namespace dropmuon {

class SweepFolder {
 public:
  explicit SweepFolder(const std::string& part = "") {
    std::string pattern =
        (std::filesystem::temp_directory_path() / ("dropmuon-sweep" + part + "-XXXXXX")).string();
    path_ = mkdtemp(pattern.data());
    write("base.yaml",
          "data: {dataset: synthetic, train_limit: 400}\n"
          "model: {channels: [4, 6]}\n"
          "train: {epochs: 2, batch_size: 40}\n"
          "threads: 1\n");
  }
  ~SweepFolder() { std::filesystem::remove_all(path_); }
  SweepFolder(const SweepFolder&) = delete;
  SweepFolder& operator=(const SweepFolder&) = delete;

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  std::string write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(path_ + "/" + name).parent_path());
    std::ofstream(path_ + "/" + name, std::ios::binary | std::ios::trunc) << text;
    return path_ + "/" + name;
  }
  std::string read(const std::string& name) const {
    std::ifstream file(path_ + "/" + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  // A sweep named "s" below this folder, unless `text` says otherwise.
  Sweep load(const std::string& text, std::vector<std::string> overrides = {}) const {
    overrides.insert(overrides.begin(), "runs_dir=" + path_ + "/runs");
    return load_sweep(write("s.yaml", text), overrides);
  }

  // "CODE: message" with the file called "s.yaml"; "" if it is accepted.
  std::string refusal(const std::string& text,
                      const std::vector<std::string>& overrides = {}) const {
    try {
      load_sweep(write("s.yaml", text), overrides);
    } catch (const Error& error) {
      std::string message = error.what();
      for (std::size_t at; (at = message.find(path_ + "/")) != std::string::npos;) {
        message.erase(at, path_.size() + 1);
      }
      return std::to_string(static_cast<int>(error.code())) + ": " + message;
    }
    return "";
  }

 private:
  std::string path_;
};

inline std::vector<std::string> labels(const Sweep& sweep) {
  std::vector<std::string> all;
  for (const SweepJob& job : sweep.jobs) all.push_back(job.label);
  return all;
}

}  // namespace dropmuon
