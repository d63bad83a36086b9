// SPDX-License-Identifier: MIT
// Config texts as files, for tests that want to see how they are read.
#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <unistd.h>

#include <dropmuon/config/config.h>
#include <dropmuon/core/error.h>

namespace dropmuon {

// A file that lives as long as the object.
class ConfigFile {
 public:
  explicit ConfigFile(const std::string& text) {
    static int count = 0;
    path_ =
        (std::filesystem::temp_directory_path() /
         ("dropmuon_config_" + std::to_string(getpid()) + "_" + std::to_string(count++) + ".yaml"))
            .string();
    std::ofstream(path_, std::ios::binary) << text;
  }
  ~ConfigFile() { std::filesystem::remove(path_); }
  ConfigFile(const ConfigFile&) = delete;
  ConfigFile& operator=(const ConfigFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline RunConfig load_text(const std::string& text,
                           const std::vector<std::string>& overrides = {}) {
  const ConfigFile file(text);
  return load_config(file.path(), overrides);
}

// The message that refuses a text, with the file called "f.yaml"; "" if it is accepted.
inline std::string refusal(const std::string& text,
                           const std::vector<std::string>& overrides = {}) {
  const ConfigFile file(text);
  try {
    load_config(file.path(), overrides);
  } catch (const Error& error) {
    std::string message = error.what();
    if (error.code() != ExitCode::bad_config) return "wrong exit code: " + message;
    if (message.starts_with(file.path())) message.replace(0, file.path().size(), "f.yaml");
    return message;
  }
  return "";
}

inline std::vector<std::string> split_lines(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace dropmuon
