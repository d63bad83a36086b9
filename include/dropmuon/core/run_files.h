// SPDX-License-Identifier: MIT
// The names of what a run leaves in its folder, runs/<name>/<UTC stamp>-<config hash>/.
#pragma once

namespace dropmuon::run_files {

inline constexpr const char* kConfig = "config.yaml";          // resolved
inline constexpr const char* kProvenance = "provenance.json";  // of the process that began the run
inline constexpr const char* kResumes = "provenance_resume.jsonl";  // of each that went on: a line
inline constexpr const char* kMetricsCsv = "metrics.csv";
inline constexpr const char* kMetrics = "metrics.jsonl";
inline constexpr const char* kLog = "log.txt";
inline constexpr const char* kStatus = "STATUS";  // one word: RunStatus
inline constexpr const char* kCheckpoints = "checkpoints";
inline constexpr const char* kSummary = "summary.json";         // at the end
inline constexpr const char* kWeights = "weights.safetensors";  // at the end, unless it diverged
inline constexpr const char* kError = "error.txt";              // if it failed
inline constexpr const char* kLock = ".lock";

}  // namespace dropmuon::run_files
