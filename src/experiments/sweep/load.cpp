// SPDX-License-Identifier: MIT
// From a sweep file to its jobs.
#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "compose.h"
#include "definition.h"
#include "label.h"
#include <dropmuon/config/text.h>
#include <dropmuon/core/error.h>
#include <dropmuon/experiments/sweep.h>

namespace dropmuon {
namespace {

bool is_within(const std::string& path, const std::string& section) {
  return path == section || path.starts_with(section + ".");
}

// An override of something that the jobs differ in would make them the same under other names.
void check_overrides(const std::string& path, const SweepDefinition& definition,
                     const std::vector<std::string>& overrides) {
  std::vector<std::string> varied = {"seed"};
  for (const SweepCase& each : definition.cases) {
    for (const SweepSetting& setting : each.settings) varied.push_back(setting.path);
  }
  for (const GridAxis& axis : definition.grid) varied.push_back(axis.path);
  for (const RandomAxis& axis : definition.random.axes) varied.push_back(axis.path);
  for (const std::string& item : overrides) {
    const std::string key = item.substr(0, item.find('='));
    const auto found = std::find_if(varied.begin(), varied.end(), [&](const std::string& other) {
      return is_within(key, other) || is_within(other, key);
    });
    if (found == varied.end()) continue;
    fail(ExitCode::bad_config, "override '{}': the jobs of the sweep differ in {}; change it in {}",
         one_line(item), *found, path);
  }
}

std::vector<SweepPoint> all_points(const SweepDefinition& definition) {
  const std::vector<SweepPoint> places = grid_points(definition.grid);
  const std::vector<SweepPoint> draws = random_points(definition.random);
  const double jobs = static_cast<double>(places.size()) * static_cast<double>(draws.size()) *
                      static_cast<double>(definition.cases.size()) *
                      static_cast<double>(definition.seeds.size());
  if (jobs > static_cast<double>(kMaxSweepJobs)) {
    throw TextError({}, fmt::format("expected at most {} jobs, found {:.0f}", kMaxSweepJobs, jobs));
  }
  std::vector<SweepPoint> points;
  for (const SweepPoint& place : places) {
    for (const SweepPoint& draw : draws) {
      points.push_back(place);
      points.back().insert(points.back().end(), draw.begin(), draw.end());
    }
  }
  return points;
}

class Expansion {
 public:
  Expansion(const SweepDefinition& definition, const SweepComposer& composer)
      : definition_(definition), composer_(composer), points_(all_points(definition)) {
    std::vector<std::string> paths;
    for (const SweepSetting& setting : points_.front()) paths.push_back(setting.path);
    short_names_ = short_names(paths);
  }

  // Seed by seed; the cases forwards, then backwards, so that a machine that slows down slows all
  // of them alike.
  std::vector<SweepJob> jobs() {
    std::vector<const SweepCase*> order;
    for (const SweepCase& each : definition_.cases) order.push_back(&each);
    std::vector<SweepJob> jobs;
    for (const std::uint64_t seed : definition_.seeds) {
      for (const SweepPoint& point : points_) {
        for (const SweepCase* each : order) jobs.push_back(make_job(*each, point, seed));
      }
      std::reverse(order.begin(), order.end());
    }
    return jobs;
  }

 private:
  SweepJob make_job(const SweepCase& which, const SweepPoint& point, std::uint64_t seed) {
    const std::string place = label_of(which.name, point, short_names_);
    SweepJob job;
    job.label = fmt::format("{}{}seed={}", place, place.empty() ? "" : "-", seed);
    std::vector<SweepSetting> settings = definition_.settings;
    settings.insert(settings.end(), which.settings.begin(), which.settings.end());
    settings.insert(settings.end(), point.begin(), point.end());
    job.config = composer_.compose(which.base, settings, job.label);
    job.folder = fmt::format("{}/{}/{}", job.config.runs_dir, job.config.name, job.label);
    check_label(job.label, point);
    if (!place.empty()) job.config.name = name_of_label(place);
    job.config.experiment.seed = seed;
    return job;
  }

  void check_label(const std::string& label, const SweepPoint& point) {
    constexpr std::size_t kMaxLabel = 240;  // a file name may have 255 bytes
    const TextPosition at = point.empty() ? TextPosition{} : point.back().value.at;
    if (label.size() > kMaxLabel) {
      throw TextError(at, fmt::format("the folder name '{}' would have {} letters, more than {}",
                                      one_line(label), label.size(), kMaxLabel));
    }
    if (!labels_.insert(label).second) {
      throw TextError(at, fmt::format("two jobs would have the same folder '{}'", one_line(label)));
    }
  }

  const SweepDefinition& definition_;
  const SweepComposer& composer_;
  std::vector<SweepPoint> points_;
  std::map<std::string, std::string> short_names_;
  std::set<std::string> labels_;
};

}  // namespace

Sweep load_sweep(const std::string& path, const std::vector<std::string>& overrides) {
  const SweepSource source{path, read_config_text(path)};
  try {
    const SweepDefinition definition = read_sweep_definition(parse_yaml(source.text), path);
    check_overrides(path, definition, overrides);
    const SweepComposer composer(source, definition, overrides);
    std::vector<SweepJob> jobs = Expansion(definition, composer).jobs();
    const std::filesystem::path folder = std::filesystem::path(jobs.front().folder).parent_path();
    return {.name = folder.filename(),
            .folder = folder.string(),
            .definition = source.text,
            .jobs = std::move(jobs)};
  } catch (const TextError& error) {
    throw error_at(path, source.text, error);
  }
}

}  // namespace dropmuon
