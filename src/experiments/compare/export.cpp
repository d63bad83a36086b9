// SPDX-License-Identifier: MIT
// The comparison for programs: CSV and JSON, unrounded.
#include <cmath>
#include <optional>

#include <nlohmann/json.hpp>

#include <dropmuon/core/error.h>
#include <dropmuon/experiments/compare.h>

namespace dropmuon {
namespace {

using OrderedJson = nlohmann::ordered_json;

// --- CSV --------------------------------------------------------------------------------------

std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

std::string cell(double value) { return fmt::format("{}", value); }  // "inf" for infinity
std::string cell(const std::optional<double>& value) { return value ? cell(*value) : ""; }

std::string low(const std::optional<Interval>& i) { return i ? cell(i->low) : ""; }
std::string high(const std::optional<Interval>& i) { return i ? cell(i->high) : ""; }

std::vector<std::string> header() {
  std::vector<std::string> names = {"group",  "baseline", "runs",    "seeds",
                                    "target", "reached",  "diverged"};
  for (std::size_t i = 0; i < kCostCount; ++i) {
    for (const char* what : {"median", "low", "high", "ratio", "ratio_low", "ratio_high"}) {
      names.push_back(fmt::format("{}_{}", name_of(static_cast<Cost>(i)), what));
    }
  }
  for (const char* name : {"pairing", "no_claim", "seconds_per_step", "final_test_accuracy_mean",
                           "final_test_accuracy_std", "best_test_accuracy_mean",
                           "best_test_accuracy_std", "machine"}) {
    names.emplace_back(name);
  }
  return names;
}

const char* word(Pairing pairing) {
  return pairing == Pairing::by_seed ? "by_seed" : "independent";
}

std::string joined(const std::vector<std::string>& lines, const char* separator) {
  std::string out;
  for (const std::string& line : lines) {
    if (!out.empty()) out += separator;
    out += line;
  }
  return out;
}

void add_costs(const ComparedGroup& group, const std::optional<Target>& target,
               std::vector<std::string>& cells) {
  for (const CostSummary& summary : group.costs) {
    if (!target) {
      cells.insert(cells.end(), 6, "");
      continue;
    }
    cells.insert(cells.end(),
                 {cell(summary.median), low(summary.interval), high(summary.interval),
                  cell(summary.ratio), low(summary.ratio_interval), high(summary.ratio_interval)});
  }
}

std::vector<std::string> row(const Comparison& comparison, std::size_t index) {
  const ComparedGroup& group = comparison.groups[index];
  const std::optional<Target>& target = comparison.target;
  std::vector<std::string> seeds;
  for (const ComparedRun& run : group.runs) seeds.push_back(std::to_string(run.seed));
  std::vector<std::string> cells = {group.label,
                                    index == comparison.baseline ? "yes" : "no",
                                    std::to_string(group.runs.size()),
                                    joined(seeds, " "),
                                    target ? to_text(*target) : "",
                                    target ? std::to_string(group.reached) : "",
                                    std::to_string(group.diverged)};
  add_costs(group, target, cells);
  cells.insert(cells.end(),
               {target ? word(group.pairing) : "", joined(group.no_claim, "; "),
                cell(group.seconds_per_step), cell(group.final_accuracy.mean),
                cell(group.final_accuracy.deviation), cell(group.best_accuracy.mean),
                cell(group.best_accuracy.deviation), joined(comparison.machines, " + ")});
  return cells;
}

std::string line(const std::vector<std::string>& cells) {
  std::string out;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) out += ',';
    out += quoted(cells[i]);
  }
  return out + "\n";
}

// --- JSON -------------------------------------------------------------------------------------

OrderedJson json(double value) {
  return std::isinf(value) ? OrderedJson("inf") : OrderedJson(value);
}
OrderedJson json(const std::optional<double>& value) {
  return value ? json(*value) : OrderedJson();
}
OrderedJson json(const std::optional<Interval>& interval) {
  return interval ? OrderedJson::array({json(interval->low), json(interval->high)}) : OrderedJson();
}
OrderedJson json(const Spread& spread) {
  return {{"mean", spread.mean}, {"std", json(spread.deviation)}};
}

OrderedJson json(const CostSummary& summary) {
  return {{"median", json(summary.median)},
          {"interval", json(summary.interval)},
          {"ratio", json(summary.ratio)},
          {"ratio_interval", json(summary.ratio_interval)}};
}

OrderedJson json(const ComparedRun& run, const std::optional<Target>& target) {
  OrderedJson out = {{"folder", run.folder},
                     {"name", run.name},
                     {"seed", run.seed},
                     {"status", name_of(run.status)},
                     {"final_test_accuracy", run.final_accuracy},
                     {"best_test_accuracy", run.best_accuracy},
                     {"seconds_per_step", run.seconds_per_step},
                     {"resumed", run.origins.size() - 1},
                     {"rollbacks", run.rollbacks},
                     {"skipped_steps", run.skipped_steps}};
  for (const auto& [key, value] : run.settings) out["settings"][key] = value;
  for (std::size_t i = 0; i < kCostCount; ++i) {
    const std::string& cost = name_of(static_cast<Cost>(i));
    if (target) out["to_target"][cost] = json(run.costs[i]);
    out["end"][cost] = run.end[i];
  }
  return out;
}

OrderedJson json(const ComparedGroup& group, const std::optional<Target>& target) {
  OrderedJson out = {
      {"label", group.label}, {"total", group.runs.size()}, {"diverged", group.diverged}};
  if (target) {
    out["reached"] = group.reached;
    out["pairing"] = word(group.pairing);
    out["no_claim"] = group.no_claim;
    for (std::size_t i = 0; i < kCostCount; ++i) {
      out["to_target"][name_of(static_cast<Cost>(i))] = json(group.costs[i]);
    }
  }
  out["seconds_per_step"] = group.seconds_per_step;
  out["final_test_accuracy"] = json(group.final_accuracy);
  out["best_test_accuracy"] = json(group.best_accuracy);
  for (const ComparedRun& run : group.runs) out["runs"].push_back(json(run, target));
  return out;
}

}  // namespace

std::string to_csv(const Comparison& comparison) {
  std::string out = line(header());
  for (std::size_t i = 0; i < comparison.groups.size(); ++i) out += line(row(comparison, i));
  return out;
}

std::string to_json(const Comparison& comparison) {
  const std::optional<Target>& target = comparison.target;
  OrderedJson out;
  out["machines"] = comparison.machines;
  out["target"] = target ? OrderedJson(to_text(*target)) : OrderedJson();
  out["baseline"] = comparison.groups[comparison.baseline].label;
  for (const ComparedGroup& group : comparison.groups) {
    out["groups"].push_back(json(group, target));
  }
  out["warnings"] = comparison.warnings;
  // Folder names may hold any bytes.
  return out.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

}  // namespace dropmuon
