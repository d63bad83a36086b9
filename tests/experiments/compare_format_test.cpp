// SPDX-License-Identifier: MIT
// What is printed: tables that fit, and CSV and JSON that read back to the same numbers.
#include <algorithm>
#include <sstream>

#include <nlohmann/json.hpp>

#include "compare_fixture.h"
#include "config_fixture.h"

using namespace dropmuon;

namespace {

const std::string kOdd = "train.init_from=\"a, \\\"b\\\" | c\"";  // every separator there is

// Two groups: 10, 20, never; and one run that never arrives.
Comparison sample(const FakeRuns& runs) {
  runs.add("a0", run_to_target(0, 10, {kTarget}));
  runs.add("a1", run_to_target(1, 20, {kTarget}));
  FakeRun miss = run_to_target(2, 30, {kTarget});
  miss.evaluations.back().accuracy = 0.6;
  runs.add("a2", miss);
  miss.overrides = {kTarget, "seed=2", kOdd};
  miss.status = "diverged";
  runs.add("b2", miss);
  return compare_runs({.paths = {runs.path()}});
}

// RFC 4180.
std::vector<std::vector<std::string>> parse_csv(const std::string& text) {
  std::vector<std::vector<std::string>> rows(1, std::vector<std::string>(1));
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string& cell = rows.back().back();
    if (quoted) {
      const bool twice = text[i] == '"' && i + 1 < text.size() && text[i + 1] == '"';
      if (text[i] != '"' || twice) cell += text[i];
      if (twice) ++i;
      quoted = text[i] != '"' || twice;
    } else if (text[i] == '"') {
      quoted = true;
    } else if (text[i] == ',') {
      rows.back().emplace_back();
    } else if (text[i] == '\n') {
      rows.emplace_back(1);
    } else {
      cell += text[i];
    }
  }
  rows.pop_back();
  return rows;
}

}  // namespace

TEST_CASE("the table, as it stands") {
  const FakeRuns runs;
  const Comparison comparison = sample(runs);
  CHECK(
      to_text(comparison, 0) ==
      "machine: cpu: Abacus, 2 threads, oneDNN 2.6.3; dropmuon 0.1.0 (commit abc, GNU, Release, "
      "instruction set baseline)\n"
      "4 runs in 2 groups, 3 seeds\n"
      "target: test/accuracy >= 0.9; median [bootstrap 95 % interval], a miss counts as "
      "infinite; seconds of training, without evaluation, logging and saving\n"
      "baseline: train.init_from=null; ratios are medians / its median, below 1 is less; not "
      "paired, as the seeds differ or repeat\n"
      "no difference to the baseline can be claimed: 1 seed a side is too few, 5 are the least\n"
      "\n"
      "group                           reached       seconds  seconds ratio           steps  steps "
      "ratio           samples  samples ratio                FLOP  FLOP ratio  diverged  ms/step "
      "   final test %     best test %\n"
      "train.init_from=null             2 of 3  20 [10, inf]              1  200 [100, inf]        "
      "    "
      "1  20 k [10 k, inf]              1  200 M [100 M, inf]           1         0      100  "
      "80.00 +- 17.32  80.00 +- 17.32\n"
      "train.init_from=\"a, \\\"b\\\" | c\"   0 of 1   not reached            inf     not reached  "
      "    "
      "    inf       not reached            inf         not reached         inf         1      "
      "100           60.00           60.00\n");
}

TEST_CASE("a narrow table continues below, with letters for long labels") {
  const FakeRuns runs;
  const Comparison comparison = sample(runs);
  for (const std::size_t width : {40U, 60U, 80U, 120U}) {
    CAPTURE(width);
    const std::string text = to_text(comparison, width);
    const std::vector<std::string> lines = split_lines(text.substr(text.find("\n\n") + 2));
    std::size_t blocks = 0;
    for (const std::string& line : lines) {
      CAPTURE(line);
      CHECK((line.size() <= width || line.starts_with("B  train.init_from")));
      if (line.starts_with("group")) ++blocks;
    }
    CHECK(blocks >= 2);
    for (const char* header :
         {"reached", "seconds", "seconds ratio", "FLOP ratio", "best test %"}) {
      CHECK_THAT(text, Catch::Contains(header));
    }
    CHECK_THAT(text, Catch::Contains("not reached"));
  }
  CHECK_THAT(to_text(comparison, 60), Catch::Contains("B  train.init_from=\"a"));
}

TEST_CASE("without a target there are accuracies and no costs") {
  const FakeRuns runs;
  runs.add("a", run_to_target(0, 10));
  const std::string text = to_text(compare_runs({.paths = {runs.path()}}), 0);
  CHECK_THAT(text, Catch::Contains("1 run in 1 group, 1 seed\n") && Catch::Contains("90.00") &&
                       !Catch::Contains("seconds") && !Catch::Contains("ratio") &&
                       !Catch::Contains("baseline:") && !Catch::Contains("+-"));
  const auto json = nlohmann::json::parse(to_json(compare_runs({.paths = {runs.path()}})));
  CHECK(json.at("target").is_null());
  CHECK_FALSE(json.at("groups").at(0).contains("to_target"));
  const auto csv = parse_csv(to_csv(compare_runs({.paths = {runs.path()}})));
  REQUIRE(csv.size() == 2);
  CHECK(csv[0].size() == csv[1].size());
}

TEST_CASE("one group has no ratios") {
  const FakeRuns runs;
  runs.add("a", run_to_target(0, 10, {kTarget}));
  const std::string text = to_text(compare_runs({.paths = {runs.path()}}), 0);
  CHECK_THAT(text, Catch::Contains("seconds") && !Catch::Contains(" ratio"));
}

TEST_CASE("a Markdown table has as many cells in every row") {
  const FakeRuns runs;
  const std::string text = to_markdown(sample(runs));
  const std::vector<std::string> lines = split_lines(text.substr(0, text.find("\n\n")));
  REQUIRE(lines.size() == 4);
  const auto cells = [](std::string line) {
    for (std::size_t at = line.find("\\|"); at != std::string::npos; at = line.find("\\|")) {
      line.erase(at, 2);
    }
    return std::count(line.begin(), line.end(), '|');
  };
  for (const std::string& line : lines) CHECK(cells(line) == cells(lines[0]));
  CHECK(cells(lines[0]) > 10);
  CHECK_THAT(lines[3], Catch::Contains("\\|"));
  CHECK_THAT(text, Catch::Contains("- machine: cpu: Abacus") && Catch::Contains("3 seeds"));
}

TEST_CASE("a Markdown table carries its warnings to where it is pasted") {
  const FakeRuns runs;
  Comparison comparison = sample(runs);
  comparison.warnings = {"one", "ano\nther"};
  CHECK_THAT(to_markdown(comparison), Catch::EndsWith("- warning: one\n- warning: ano ther\n"));
}

TEST_CASE("CSV reads back to the same numbers") {
  const FakeRuns runs;
  Comparison comparison = sample(runs);
  comparison.groups[1].no_claim.front() += ", \"so\"";
  comparison.groups[1].no_claim.emplace_back("and more");
  comparison.groups[0].best_accuracy = {.mean = 0.95, .deviation = 1.0 / 3.0};
  const auto rows = parse_csv(to_csv(comparison));
  REQUIRE(rows.size() == 3);
  const auto value = [&](std::size_t row, const std::string& name) {
    const auto column = std::find(rows[0].begin(), rows[0].end(), name);
    REQUIRE(column != rows[0].end());
    REQUIRE(rows[row].size() == rows[0].size());
    return rows[row][static_cast<std::size_t>(column - rows[0].begin())];
  };
  CHECK(value(1, "group") == "train.init_from=null");
  CHECK(value(2, "group") == comparison.groups[1].label);
  CHECK(value(1, "baseline") == "yes");
  CHECK(value(2, "baseline") == "no");
  CHECK(value(1, "seeds") == "0 1 2");
  CHECK(value(1, "reached") == "2");
  CHECK(value(1, "seconds_median") == "20");
  CHECK(value(1, "seconds_low") == "10");
  CHECK(value(1, "seconds_high") == "inf");
  CHECK(value(1, "seconds_ratio").empty());
  CHECK(value(2, "seconds_median") == "inf");
  CHECK(value(2, "seconds_low").empty());
  CHECK(value(2, "steps_ratio") == "inf");
  CHECK(value(2, "diverged") == "1");
  CHECK(value(1, "no_claim").empty());
  CHECK(value(2, "no_claim") == "1 seed a side is too few, 5 are the least, \"so\"; and more");
  CHECK(value(2, "target") == "test/accuracy >= 0.9");
  CHECK(std::stod(value(1, "final_test_accuracy_mean")) ==
        comparison.groups[0].final_accuracy.mean);
  CHECK(value(1, "best_test_accuracy_mean") == "0.95");
  CHECK(std::stod(value(1, "best_test_accuracy_std")) ==
        *comparison.groups[0].best_accuracy.deviation);
  CHECK_THAT(value(2, "machine"), Catch::Contains("Abacus"));
}

TEST_CASE("JSON reads back to the same numbers, with every run") {
  const FakeRuns runs;
  const Comparison comparison = sample(runs);
  const auto json = nlohmann::json::parse(to_json(comparison));
  CHECK(json.at("target") == "test/accuracy >= 0.9");
  CHECK(json.at("baseline") == "train.init_from=null");
  CHECK(json.at("machines").size() == 1);
  CHECK(json.at("warnings").empty());
  const auto& group = json.at("groups").at(0);
  CHECK(group.at("reached") == 2);
  CHECK(group.at("total") == 3);
  CHECK(group.at("to_target").at("seconds").at("median") == 20);
  CHECK(group.at("to_target").at("flops").at("interval") == nlohmann::json::array({1e8, "inf"}));
  CHECK(group.at("to_target").at("seconds").at("ratio").is_null());
  CHECK(group.at("final_test_accuracy").at("std") ==
        *comparison.groups[0].final_accuracy.deviation);
  CHECK(group.at("runs").size() == 3);
  CHECK(group.at("runs").at(1).at("to_target").at("steps") == 200);
  CHECK(group.at("runs").at(2).at("to_target").at("steps") == "inf");
  CHECK(group.at("runs").at(2).at("end").at("steps") == 300);
  CHECK(group.at("runs").at(2).at("end").at("seconds") == 30);
  CHECK(group.at("no_claim").empty());
  CHECK(group.at("runs").at(0).at("settings").at("train.target.value") == "0.9");
  const auto& one = json.at("groups").at(1);
  CHECK(one.at("diverged") == 1);
  CHECK(one.at("no_claim") == comparison.groups[1].no_claim);
  CHECK(one.at("no_claim").size() == 1);
  CHECK(one.at("to_target").at("seconds").at("ratio") == "inf");
  CHECK(one.at("to_target").at("seconds").at("interval").is_null());
  CHECK(one.at("final_test_accuracy").at("std").is_null());
  CHECK(one.at("runs").at(0).at("folder") == runs.path() + "/b2");
}
