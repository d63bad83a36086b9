// SPDX-License-Identifier: MIT
// Which run is meant by `--resume latest`. The hash of a configuration tells runs of other
// computations apart; the data folder and what decides how often something is written are not in
// it, and are looked at here.
#include <algorithm>
#include <filesystem>
#include <optional>
#include <regex>
#include <tuple>

#include <fmt/ranges.h>

#include <dropmuon/config/schema.h>
#include <dropmuon/core/error.h>
#include <dropmuon/core/file_system.h>
#include <dropmuon/core/log.h>
#include <dropmuon/core/text.h>
#include <dropmuon/runner/run_folder.h>

namespace dropmuon {
namespace fs = std::filesystem;
namespace {

// As create() names folders; those of a sweep of the same name have labels.
bool begins_with_stamp(const std::string& name) {
  static const std::regex kStamp(R"(\d{8}T\d{6}Z-.*)");
  return std::regex_match(name, kStamp);
}

struct Candidate {
  RunFolder folder;
  RunConfig config;
  bool same_data = false;
  bool unfinished = false;

  // The best one is the greatest; the names begin with the time.
  auto rank() const { return std::tuple(same_data, unfinished, folder.path()); }
};

std::string resolved(const std::string& path) {
  std::error_code error;
  const fs::path whole = fs::weakly_canonical(path, error);
  return error ? fs::absolute(path, error).lexically_normal().string() : whole.string();
}

bool reads_same_folder(const DatasetOptions& a, const DatasetOptions& b) {
  if (a.dataset == "synthetic") return true;  // made, not read
  return resolved(a.root + "/" + a.dataset) == resolved(b.root + "/" + b.dataset);
}

// None if it is of another configuration, or one that cannot be read.
std::optional<Candidate> candidate(const RunFolder& folder, const RunConfig& wanted,
                                   const std::string& hash) {
  try {
    RunConfig own = load_config(folder.file(run_files::kConfig), {});
    if (config_hash(own) != hash) return std::nullopt;
    const std::optional<RunStatus> status = folder.status();
    const bool same = reads_same_folder(own.experiment.data, wanted.experiment.data);
    return Candidate{folder, std::move(own), same, !status || !is_final(*status)};
  } catch (const Error&) {
    return std::nullopt;
  }
}

// "checkpoint.keep=20 (it has 2)" for each value that the run has otherwise.
std::vector<std::string> values_not_taken(const RunConfig& typed, const RunConfig& own) {
  std::vector<std::string> values;
  for (const ConfigKey& key : config_schema().keys()) {
    if (enters_computation(key, typed) || key.path == "data.root") continue;
    const std::string wanted = key.print(typed);
    const std::string kept = key.print(own);
    const bool same = key.path == "runs_dir" ? resolved(typed.runs_dir) == resolved(own.runs_dir)
                                             : wanted == kept;
    if (!same) values.push_back(fmt::format("{}={} (it has {})", key.path, wanted, kept));
  }
  return values;
}

[[noreturn]] void fail_other_data(const Candidate& found, const RunConfig& wanted) {
  const std::string& root = found.config.experiment.data.root;
  fail(ExitCode::bad_config,
       "no run of this configuration reads its data in {}; {} reads them in {}: give {} to go on "
       "with it, or train anew without --resume",
       wanted.experiment.data.root, found.folder.path(), root, shell_quoted("data.root=" + root));
}

}  // namespace

RunFolder RunFolder::latest(const RunConfig& config) {
  const fs::path parent = fs::path(config.runs_dir) / config.name;
  const std::string hash = dropmuon::config_hash(config);
  std::optional<Candidate> best;
  std::size_t others = 0;
  std::error_code ignored;
  if (FileSystem::real().exists(parent.string())) FileSystem::real().list(parent.string());
  for (const fs::directory_entry& entry : fs::directory_iterator(parent, ignored)) {
    const bool is_run = fs::is_regular_file(entry.path() / run_files::kConfig, ignored);
    if (!is_run || !begins_with_stamp(entry.path().filename())) continue;
    std::optional<Candidate> found = candidate(RunFolder(entry.path().string()), config, hash);
    if (!found) {
      ++others;
    } else if (!best || best->rank() < found->rank()) {
      best = std::move(found);
    }
  }
  if (!best) {
    fail(ExitCode::missing_input,
         "no run of this configuration to go on with in {} ({} of others); start one without "
         "--resume, or name a run's folder",
         parent.string(), others);
  }
  if (!best->same_data) fail_other_data(*best, config);
  const std::vector<std::string> values = values_not_taken(config, best->config);
  if (best->unfinished && !values.empty()) {
    log::warning("{} goes on with its own settings; not taken: {}", best->folder.path(),
                 fmt::join(values, ", "));
  }
  return best->folder;
}

}  // namespace dropmuon
