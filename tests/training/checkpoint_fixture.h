// SPDX-License-Identifier: MIT
// A small checkpoint that follows from its step, and a folder to keep some in.
#pragma once

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <unistd.h>

#include "catch.h"
#include <dropmuon/core/error.h>
#include <dropmuon/core/log.h>
#include <dropmuon/training/checkpoint_store.h>

// In memory where there is such a file system: thousands of fsyncs would wait for the disk else.
class RunFolder {
 public:
  RunFolder() {
    namespace fs = std::filesystem;
    const char* memory = "/dev/shm";
    const bool usable = ::access(memory, W_OK) == 0;
    path_ = (usable ? fs::path(memory) : fs::temp_directory_path()) /
            fmt::format("dropmuon-run-{}", ::getpid());
    fs::remove_all(path_);
    fs::create_directories(path_);
    dropmuon::log::set_level(dropmuon::log::Level::off);
  }
  ~RunFolder() {
    std::filesystem::remove_all(path_);
    dropmuon::log::set_level(dropmuon::log::Level::info);
  }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  std::string checkpoints() const { return *this / "checkpoints"; }

 private:
  std::filesystem::path path_;
};

inline std::string slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void spill(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

// `variant` tells two checkpoints of one step apart.
inline dropmuon::Checkpoint make_checkpoint(std::int64_t step, int variant = 0, int size = 7) {
  const auto tensor = [&](const std::string& name, std::vector<std::int64_t> shape, float first) {
    std::size_t count = 1;
    for (const std::int64_t side : shape) count *= static_cast<std::size_t>(side);
    dropmuon::NamedTensor out{name, std::move(shape), std::vector<float>(count)};
    for (std::size_t i = 0; i < count; ++i) {
      out.values[i] = first + static_cast<float>(step + variant * 1000) / static_cast<float>(i + 3);
    }
    return out;
  };
  return {step,
          "0123456789abcdef",
          fmt::format("{{\"step\":{},\"variant\":{}}}", step, variant),
          {tensor("layers.0.weight", {size, 3}, 1.0F), tensor("layers.0.bias", {size}, 2.0F)},
          {tensor("layers.0.weight.momentum", {size, 3}, -1.0F), tensor("scale", {}, 0.5F)}};
}

inline bool same_tensors(const std::vector<dropmuon::NamedTensor>& a,
                         const std::vector<dropmuon::NamedTensor>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].name != b[i].name || a[i].shape != b[i].shape ||
        a[i].values.size() != b[i].values.size() ||
        std::memcmp(a[i].values.data(), b[i].values.data(), a[i].values.size() * sizeof(float)) !=
            0) {
      return false;
    }
  }
  return true;
}

inline bool same(const dropmuon::Checkpoint& a, const dropmuon::Checkpoint& b) {
  return a.step == b.step && a.config_hash == b.config_hash && a.state == b.state &&
         same_tensors(a.weights, b.weights) && same_tensors(a.optimizer, b.optimizer);
}
