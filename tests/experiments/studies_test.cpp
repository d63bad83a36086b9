// SPDX-License-Identifier: MIT
// The files in configs/studies: all load, with the jobs and about the time that they tell.
#include <algorithm>
#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "catch.h"
#include "config_fixture.h"
#include <dropmuon/experiments/sweep.h>
#include <dropmuon/runner/plan.h>

using namespace dropmuon;

namespace {

const std::filesystem::path kStudies =
    std::filesystem::path(DROPMUON_SOURCE_DIR) / "configs" / "studies";

std::vector<std::string> study_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kStudies)) {
    if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string text_of(const std::string& study) { return read_file(kStudies / (study + ".yaml")); }

Sweep load_study(const std::string& study) {
  return load_sweep((kStudies / (study + ".yaml")).string(), {"device=cpu"});
}

bool is_small(const std::string& study) { return study.ends_with("_small"); }

struct Told {
  std::size_t jobs = 0;
  double seconds = 0.0;
};

double seconds_in(const std::string& number, const std::string& unit) {
  return std::stod(number) * (unit == "hours" ? 3600.0 : 60.0);
}

// "# Jobs: 30. Expected: 17 minutes on two cores"
Told told_by_comment(const std::string& study) {
  static const std::regex kLine(
      R"(\n# Jobs: (\d+)\. Expected: (\d+) (minutes|hours) on two cores)");
  const std::string text = text_of(study);
  std::smatch match;
  if (!std::regex_search(text, match, kLine)) return {};
  return {std::stoul(match[1]), seconds_in(match[2], match[3])};
}

// A row has the full form's jobs and time, then those of the small one.
Told told_by_table(const std::string& study) {
  const bool small = is_small(study);
  const std::string full = small ? study.substr(0, study.size() - 6) : study;
  const std::regex row(
      R"(\n\| \[)" + full + R"(\]\()" + full +
      R"(\.yaml\) \| [^|]+ \| (\d+) \| (\d+) (hours) \| (\d+) \| (\d+) (minutes) \|)");
  const std::string text = read_file(kStudies / "README.md");
  std::smatch match;
  if (!std::regex_search(text, match, row)) return {};
  const std::size_t first = small ? 4 : 1;
  return {std::stoul(match[first]), seconds_in(match[first + 1], match[first + 2])};
}

// Of training and of all evaluations.
double flops_of(const RunConfig& config) {
  const Plan plan = make_plan(config);
  const TrainOptions& train = config.experiment.train;
  double forward = 0.0;
  for (const PlannedLayer& layer : plan.layers) forward += layer.cost.forward_flops;
  constexpr double kTestImages = 10000.0;
  const double evaluations =
      static_cast<double>(plan.total_steps / train.eval_every_steps.value() + 1);
  return plan.total_flops + evaluations * (kTestImages + train.eval_train_images) * forward;
}

// Seeds do not change what a job costs.
double flops_of(const Sweep& sweep) {
  std::map<std::string, double> known;
  double sum = 0.0;
  for (const SweepJob& job : sweep.jobs) {
    RunConfig config = job.config;
    config.experiment.seed = 0;
    const auto [place, isnew] = known.emplace(to_yaml(config), 0.0);
    if (isnew) place->second = flops_of(config);
    sum += place->second;
  }
  return sum;
}

}  // namespace

TEST_CASE("studies: each has a full and a small form, and a folder of its own") {
  const std::vector<std::string> names = study_names();
  CHECK(names.size() == 10);
  std::set<std::string> folders;
  for (const std::string& name : names) {
    CAPTURE(name);
    const std::string other = is_small(name) ? name.substr(0, name.size() - 6) : name + "_small";
    CHECK(std::find(names.begin(), names.end(), other) != names.end());
    const Sweep sweep = load_study(name);
    CHECK(sweep.name == name);
    CHECK(folders.insert(sweep.folder).second);
  }
}

TEST_CASE("studies: comment and table tell the number of jobs, and the comment its commands") {
  for (const std::string& name : study_names()) {
    CAPTURE(name);
    const Sweep sweep = load_study(name);
    CHECK(told_by_comment(name).jobs == sweep.jobs.size());
    CHECK(told_by_table(name).jobs == sweep.jobs.size());
    const std::string text = text_of(name);
    CHECK(text.starts_with("# "));
    CHECK_THAT(text, Catch::Contains("dropmuon sweep configs/studies/" + name + ".yaml -j 1\n"));
    CHECK_THAT(text, Catch::Contains("dropmuon compare " + sweep.folder));
    CHECK_THAT(text, Catch::Contains("scripts/report.py " + sweep.folder));
  }
}

// Two cores were measured at 350 to 480 GFLOP/s on these networks.
TEST_CASE("studies: the time told fits the FLOPs, and small forms end in minutes") {
  constexpr double kFlopsPerSecond = 400e9;
  for (const std::string& name : study_names()) {
    const double seconds = flops_of(load_study(name)) / kFlopsPerSecond;
    CAPTURE(name, seconds / 60.0);
    const Told comment = told_by_comment(name);
    CHECK(comment.seconds == told_by_table(name).seconds);
    CHECK(comment.seconds >= 0.75 * seconds);
    CHECK(comment.seconds <= 1.5 * seconds);
    if (is_small(name)) CHECK(seconds <= 25.0 * 60.0);
  }
}

// Equal steps give Drop-Muon, whose steps are shorter, less time to reach a target in.
TEST_CASE(
    "studies: a Muon job and its Drop-Muon twin differ in sampling, the paper's in steps too") {
  for (const std::string& study : study_names()) {
    const Sweep sweep = load_study(study);
    std::map<std::string, RunConfig> jobs;
    for (const SweepJob& job : sweep.jobs) jobs.emplace(job.label, job.config);
    for (const auto& [label, config] : jobs) {
      const std::size_t drop = label.find("drop_muon");
      if (drop == std::string::npos) continue;
      const auto twin = jobs.find(label.substr(0, drop) + label.substr(drop + 5));
      CAPTURE(study, label);
      REQUIRE(twin != jobs.end());
      CHECK(twin->second.experiment.sampling.scheme == SamplingScheme::full);
      CHECK(config.experiment.sampling.scheme == SamplingScheme::uniform);
      RunConfig same = config;
      same.name = twin->second.name;
      same.experiment.sampling = twin->second.experiment.sampling;
      if (study.starts_with("paper_reproduction")) {
        CHECK(make_plan(config).total_flops ==
              Approx(make_plan(twin->second).total_flops).epsilon(0.03));
        same.experiment.train.epochs = twin->second.experiment.train.epochs;
        same.experiment.train.max_steps = twin->second.experiment.train.max_steps;
      }
      CHECK(to_yaml(same) == to_yaml(twin->second));
    }
  }
}

TEST_CASE(
    "studies: the paper's comparison keeps batch, rate and data, and sees its targets sharply") {
  for (const std::string study : {"paper_reproduction", "paper_reproduction_small"}) {
    std::set<std::string> datasets;
    for (const SweepJob& job : load_study(study).jobs) {
      const Experiment& e = job.config.experiment;
      CAPTURE(study, job.label);
      datasets.insert(e.data.dataset);
      CHECK(job.label.starts_with(e.data.dataset + "-"));  // the shell pattern of its table
      CHECK(e.train.batch_size == 8192);
      CHECK(e.optimizer.lr == 0.1);
      CHECK(e.optimizer.newton_schulz.steps == 5);
      CHECK(e.schedule.type == ScheduleType::constant);
      CHECK_FALSE(e.train.target->stop_at_target);
      const std::int64_t steps = make_plan(job.config).total_steps;
      // One evaluation more is at most 5 % of the way to a target at two thirds of the run.
      CHECK(static_cast<double>(*e.train.eval_every_steps) <= 0.036 * static_cast<double>(steps));
    }
    CHECK(datasets == std::set<std::string>{"cifar10", "fashion-mnist", "mnist"});
  }
}
