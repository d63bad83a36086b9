// SPDX-License-Identifier: MIT
// The event files of a run that was killed, stopped and resumed, against its metrics.jsonl.
#include <algorithm>
#include <filesystem>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "catch.h"
#include "event_reader.h"
#include "program.h"
#include "slow_run.h"

using namespace dropmuon;
namespace fs = std::filesystem;

namespace {

using Scalars = std::map<std::string, float>;
using Rows = std::multimap<std::int64_t, Scalars>;  // by step; evaluations have rows of their own

int lines_in_file(const std::string& path) {
  const std::string text = Sandbox::read(path);
  return static_cast<int>(std::count(text.begin(), text.end(), '\n'));
}

Rows logged(const std::string& run) {
  Rows rows;
  std::istringstream lines(Sandbox::read(run + "/metrics.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    Scalars scalars;
    std::int64_t step = -1;
    const nlohmann::json row = nlohmann::json::parse(line);
    for (const auto& [tag, value] : row.items()) {
      CAPTURE(line, tag);
      REQUIRE(value.is_number());  // null would be a number that is not finite
      if (tag == "step") {
        step = value.get<std::int64_t>();
      } else {
        scalars[tag] = static_cast<float>(value.get<double>());
      }
    }
    rows.emplace(step, scalars);
  }
  return rows;
}

std::vector<std::string> event_files(const std::string& run) {
  std::vector<std::string> paths;
  for (const auto& entry : fs::directory_iterator(run)) {
    if (entry.path().filename().string().starts_with("events.out.tfevents.")) {
      paths.push_back(entry.path());
    }
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

struct Shown {
  Rows rows;
  std::vector<std::int64_t> starts;  // from where each process took back what was there
  int taken_back = 0;                // rows
};

// As TensorBoard does: a session that starts at a step makes that step and later ones void.
Shown shown(const std::vector<std::string>& files) {
  Shown all;
  for (const std::string& path : files) {
    CAPTURE(path);
    const std::vector<Event> found = events(path);
    REQUIRE(found.size() >= 2);
    CHECK(found[0].file_version == "brain.Event:2");
    CHECK(found[1].starts_session);
    for (std::size_t i = 1; i < found.size(); ++i) {
      const Event& event = found[i];
      CAPTURE(i, event.step);
      CHECK(event.starts_session == (i == 1));
      if (event.starts_session) {
        const auto first = all.rows.lower_bound(event.step);
        all.taken_back += static_cast<int>(std::distance(first, all.rows.end()));
        all.rows.erase(first, all.rows.end());
        all.starts.push_back(event.step);
      } else {
        all.rows.emplace(event.step, event.scalars);
      }
    }
  }
  return all;
}

}  // namespace

TEST_CASE("TensorBoard shows each logged number once, however often the run was interrupted",
          "[large]") {
  const Sandbox sandbox;
  // No checkpoint but that of the stop: what a kill loses is known.
  const std::string config = slow_config(sandbox, "muon", "uniform") +
                             " train.max_steps=600 checkpoint.every_epochs=null "
                             "checkpoint.best=false log.tensorboard=true";
  CHECK(interrupted("train -q " + config, sandbox / "runs/*/*/metrics.csv", 12, "KILL").code ==
        137);
  const std::string run = fs::directory_iterator(sandbox / "runs/muon-uniform")->path();
  const std::string metrics = run + "/metrics.csv";
  const int first_lines = lines_in_file(metrics);
  CHECK(interrupted("train -q --resume " + run, metrics, first_lines + 8, "TERM").code == 75);
  const int kept_lines = lines_in_file(metrics);
  const std::int64_t stopped_at =
      std::stoll(Sandbox::read(run + "/checkpoints/latest").substr(std::string("step_").size()));
  CHECK(interrupted("train -q --resume " + run, metrics, kept_lines + 8, "KILL").code == 137);
  const int lost_lines = first_lines - 1 + lines_in_file(metrics) - kept_lines;
  const Outcome outcome = run_program("train -q --resume " + run);
  CAPTURE(outcome.output);
  REQUIRE(outcome.code == 0);

  const std::vector<std::string> files = event_files(run);
  REQUIRE(files.size() == 4);
  const Shown found = shown(files);
  const Rows expected = logged(run);
  CHECK(expected.size() > 200);
  CHECK(found.rows == expected);
  CHECK(found.starts == std::vector<std::int64_t>{0, 0, stopped_at + 1, stopped_at + 1});
  CHECK(found.taken_back <= lost_lines);
  CHECK(found.taken_back >= lost_lines - 2);  // a kill may come between the two files
}
