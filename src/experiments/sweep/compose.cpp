// SPDX-License-Identifier: MIT
#include "compose.h"

#include <filesystem>

#include <fmt/format.h>

#include <dropmuon/config/schema.h>
#include <dropmuon/config/text.h>
#include <dropmuon/core/error.h>
#include <dropmuon/core/file_system.h>

namespace dropmuon {
namespace {

namespace fs = std::filesystem;

// The setting to blame for a problem of several keys: the last one of the key itself, else of a
// neighbour in its section.
TextPosition place_of(const ConfigProblem& problem, const SweepBase& base,
                      const std::vector<SweepSetting>& settings) {
  const std::string section = parent_path(problem.path);
  TextPosition at = base.at;
  for (const SweepSetting& setting : settings) {
    if (setting.path == problem.path) return setting.value.at;
    if (parent_path(setting.path) == section) at = setting.value.at;
  }
  return at;
}

}  // namespace

SweepComposer::SweepComposer(const SweepSource& source, const SweepDefinition& definition,
                             const std::vector<std::string>& overrides)
    : source_(source), definition_(definition), overrides_(overrides) {
  for (const SweepCase& each : definition.cases) load(each.base);
}

std::string SweepComposer::file_of(const SweepBase& base) const {
  return (fs::path(source_.path).parent_path() / base.path).lexically_normal().string();
}

void SweepComposer::load(const SweepBase& base) {
  const std::string file = file_of(base);
  if (bases_.contains(file)) return;
  if (!FileSystem::real().exists(file)) {
    const TextError error(base.at, fmt::format("base: no file {}; a base is looked for where the "
                                               "sweep file is",
                                               one_line(file)));
    throw error_at(source_.path, source_.text, error, ExitCode::missing_input);
  }
  bases_.emplace(file, load_config(file, {}));
}

RunConfig SweepComposer::compose(const SweepBase& base, const std::vector<SweepSetting>& settings,
                                 const std::string& job) const {
  const std::string file = file_of(base);
  RunConfig config = bases_.at(file);
  config.name = definition_.name;
  config.runs_dir = definition_.runs_dir;
  for (const SweepSetting& setting : settings) apply_setting(config, setting);
  const auto problem = find_problem(config);
  if (overrides_.empty() && !problem) return config;
  if (!overrides_.empty()) {
    std::vector<std::string> items = {as_override(config, "name"), as_override(config, "runs_dir")};
    for (const SweepSetting& setting : settings) {
      const std::string item = as_override(config, setting.path);
      if (!item.empty()) items.push_back(item);
    }
    items.insert(items.end(), overrides_.begin(), overrides_.end());
    try {
      return load_config(file, items);
    } catch (const Error&) {
      if (!problem) throw;  // else the sweep file is to blame, and the place in it is known
    }
  }
  throw TextError(place_of(*problem, base, settings),
                  fmt::format("{}: {}, in job '{}'", problem->path, problem->message, job));
}

}  // namespace dropmuon
