// SPDX-License-Identifier: MIT
// Run folders with chosen results, for tests of what reads them.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include <dropmuon/config/config.h>

namespace dropmuon {

struct FakeEvaluation {
  int step = 0;
  double seconds = 0.0;
  double accuracy = 0.0;  // on both sets; the losses are 1 - accuracy
};

struct FakeRun {
  std::vector<std::string> overrides;
  std::vector<FakeEvaluation> evaluations;
  std::string status = "done";
  std::string host = "here";
  int threads = 2;  // 0: a device that has none, such as a GPU
  std::string commit = "abc";
  std::string verdict = "synthetic";
  std::string data_hash = "d1";
};

// A folder for runs that goes with the object.
class FakeRuns {
 public:
  FakeRuns() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "dropmuon-runs-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~FakeRuns() { std::filesystem::remove_all(path_); }
  FakeRuns(const FakeRuns&) = delete;
  FakeRuns& operator=(const FakeRuns&) = delete;

  const std::string& path() const { return path_; }

  // The folder's path. 100 images and a million operations per step.
  std::string add(const std::string& name, const FakeRun& run) const {
    const std::string folder = path_ + "/" + name;
    const RunConfig config = resolved(run.overrides);
    write(name, "config.yaml", to_yaml(config));
    write(name, "provenance.json", provenance(run, config_hashes(config, to_yaml(config))));
    std::string rows;
    for (const FakeEvaluation& e : run.evaluations) {
      rows += fmt::format(
          "{{\"step\":{},\"samples\":{},\"train/loss\":{},\"train/accuracy\":{},\"test/loss\":{},"
          "\"test/accuracy\":{},\"time/train_s\":{},\"perf/flops\":{}}}\n",
          e.step, 100 * e.step, 1.0 - e.accuracy, e.accuracy, 1.0 - e.accuracy, e.accuracy,
          e.seconds, 1e6 * e.step);
    }
    write(name, "metrics.jsonl", rows);
    const FakeEvaluation& last = run.evaluations.back();
    write(
        name, "summary.json",
        fmt::format("{{\"status\":\"{}\",\"step\":{},\"time/train_s\":{},\"test/accuracy\":{}}}\n",
                    run.status, last.step, last.seconds, last.accuracy));
    write(name, "STATUS", run.status + "\n");
    return folder;
  }

  void write(const std::string& run, const std::string& file, const std::string& text) const {
    const std::string path = path_ + "/" + run + "/" + file;
    std::filesystem::create_directories(path_ + "/" + run);
    std::filesystem::remove(
        path);  // overwriting in place makes some file systems wait for the disk
    std::ofstream(path, std::ios::binary) << text;
  }

 private:
  RunConfig resolved(const std::vector<std::string>& overrides) const {
    std::ofstream(path_ + "/base.yaml") << "data: {dataset: synthetic}\n";
    return load_config(path_ + "/base.yaml", overrides);
  }

  static std::string provenance(const FakeRun& run, const ConfigHashes& hashes) {
    return fmt::format(
        "{{\"config_hash\":\"{}\",\"config_text_hash\":\"{}\",\"program\":{{\"version\":\"0.1.0\","
        "\"commit\":\"{}\","
        "\"compiler\":\"GNU\",\"build type\":\"Release\",\"instruction set\":\"baseline\"}},"
        "\"machine\":{{\"host\":\"{}\",\"device\":\"cpu\",\"name\":\"Abacus\",{}"
        "\"libraries\":{{\"oneDNN\":\"2.6.3\"}}}},\"data\":{{\"verdict\":\"{}\",\"sha256\":{{"
        "\"train\":\"{}\"}}}}}}\n",
        hashes.own, hashes.of_text, run.commit, run.host,
        run.threads > 0 ? fmt::format("\"threads\":{},", run.threads) : "", run.verdict,
        run.data_hash);
  }

  std::string path_;
};

// Reaches 0.9 at `seconds`, after 10 steps for each of them, and ends there.
inline FakeRun run_to_target(std::uint64_t seed, double seconds,
                             std::vector<std::string> overrides = {}) {
  overrides.push_back(fmt::format("seed={}", seed));
  const int steps = static_cast<int>(10.0 * seconds);
  return {.overrides = std::move(overrides), .evaluations = {{0, 0.0, 0.1}, {steps, seconds, 0.9}}};
}

}  // namespace dropmuon
