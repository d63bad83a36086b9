// SPDX-License-Identifier: MIT
// The comparison for people: columns on a terminal, a Markdown table.
#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include <dropmuon/core/text.h>
#include <dropmuon/experiments/compare.h>

namespace dropmuon {
namespace {

// A header and one cell per group.
using Column = std::vector<std::string>;

// Characters, not bytes: labels may hold any UTF-8.
std::size_t length(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string number(double value, Cost cost) {
  if (std::isinf(value)) return "inf";
  if (cost == Cost::samples || cost == Cost::flops) return human_count(value);
  return value >= 1000.0 ? fmt::format("{:.0f}", value) : fmt::format("{:.4g}", value);
}

std::string cost_cell(const CostSummary& summary, Cost cost) {
  std::string cell = std::isinf(summary.median) ? "not reached" : number(summary.median, cost);
  if (summary.interval) {
    cell += fmt::format(" [{}, {}]", number(summary.interval->low, cost),
                        number(summary.interval->high, cost));
  }
  return cell;
}

std::string ratio_cell(const CostSummary& summary) {
  if (!summary.ratio) return "undefined";
  std::string cell = fmt::format("{:.3g}", *summary.ratio);
  if (summary.ratio_interval) {
    cell +=
        fmt::format(" [{:.3g}, {:.3g}]", summary.ratio_interval->low, summary.ratio_interval->high);
  }
  return cell;
}

std::string accuracy_cell(const Spread& spread) {
  std::string cell = fmt::format("{:.2f}", 100.0 * spread.mean);
  if (spread.deviation) cell += fmt::format(" +- {:.2f}", 100.0 * *spread.deviation);
  return cell;
}

template <typename Cell>
Column column(const Comparison& comparison, const std::string& header, const Cell& cell) {
  Column out = {header};
  for (std::size_t i = 0; i < comparison.groups.size(); ++i) out.push_back(cell(i));
  return out;
}

void add_cost_columns(const Comparison& comparison, std::vector<Column>& out) {
  const auto& groups = comparison.groups;
  out.push_back(column(comparison, "reached", [&](std::size_t i) {
    return fmt::format("{} of {}", groups[i].reached, groups[i].runs.size());
  }));
  for (std::size_t cost = 0; cost < kCostCount; ++cost) {
    const auto which = static_cast<Cost>(cost);
    const std::string name = which == Cost::flops ? "FLOP" : name_of(which);
    out.push_back(column(comparison, name,
                         [&](std::size_t i) { return cost_cell(groups[i].costs[cost], which); }));
    if (groups.size() < 2) continue;
    out.push_back(column(comparison, name + " ratio", [&](std::size_t i) {
      return i == comparison.baseline ? "1" : ratio_cell(groups[i].costs[cost]);
    }));
  }
}

std::vector<Column> columns(const Comparison& comparison) {
  const auto& groups = comparison.groups;
  std::vector<Column> out;
  if (comparison.target) {
    add_cost_columns(comparison, out);
  } else {
    out.push_back(column(comparison, "runs",
                         [&](std::size_t i) { return fmt::format("{}", groups[i].runs.size()); }));
  }
  const bool diverged =
      std::any_of(groups.begin(), groups.end(), [](const auto& g) { return g.diverged > 0; });
  if (diverged) {
    out.push_back(column(comparison, "diverged",
                         [&](std::size_t i) { return fmt::format("{}", groups[i].diverged); }));
  }
  out.push_back(column(comparison, "ms/step", [&](std::size_t i) {
    return fmt::format("{:.4g}", 1e3 * groups[i].seconds_per_step);
  }));
  out.push_back(column(comparison, "final test %",
                       [&](std::size_t i) { return accuracy_cell(groups[i].final_accuracy); }));
  out.push_back(column(comparison, "best test %",
                       [&](std::size_t i) { return accuracy_cell(groups[i].best_accuracy); }));
  return out;
}

std::string letter(std::size_t i) {
  return i < 26 ? std::string(1, static_cast<char>('A' + i)) : fmt::format("G{}", i + 1);
}

std::vector<const ComparedGroup*> contenders(const Comparison& comparison) {
  std::vector<const ComparedGroup*> out;
  for (const ComparedGroup& group : comparison.groups) {
    if (&group != &comparison.groups[comparison.baseline]) out.push_back(&group);
  }
  return out;
}

std::string pairing_note(const Comparison& comparison) {
  const auto groups = contenders(comparison);
  const auto paired = std::count_if(groups.begin(), groups.end(), [](const ComparedGroup* group) {
    return group->pairing == Pairing::by_seed;
  });
  if (paired == 0) return "; not paired, as the seeds differ or repeat";
  return static_cast<std::size_t>(paired) == groups.size()
             ? "; paired by seed"
             : "; paired by seed where the seeds agree";
}

// Each reason once, with the number of groups it holds for unless those are all.
void add_claim_notes(const Comparison& comparison, std::vector<std::string>& lines) {
  const auto groups = contenders(comparison);
  std::vector<std::pair<std::string, std::size_t>> reasons;
  for (const ComparedGroup* group : groups) {
    for (const std::string& reason : group->no_claim) {
      const auto same = [&](const auto& known) { return known.first == reason; };
      const auto known = std::find_if(reasons.begin(), reasons.end(), same);
      if (known == reasons.end()) {
        reasons.emplace_back(reason, 1);
      } else {
        ++known->second;
      }
    }
  }
  for (const auto& [reason, times] : reasons) {
    const std::string whose =
        times == groups.size() ? "" : fmt::format(" of {} of {} groups", times, groups.size());
    lines.push_back(
        fmt::format("no difference{} to the baseline can be claimed: {}", whose, reason));
  }
}

// What a reader must know beside the numbers.
std::vector<std::string> notes(const Comparison& comparison) {
  std::vector<std::string> lines;
  for (const std::string& machine : comparison.machines) lines.push_back("machine: " + machine);
  std::set<std::uint64_t> seeds;
  std::size_t runs = 0;
  for (const ComparedGroup& group : comparison.groups) {
    runs += group.runs.size();
    for (const ComparedRun& run : group.runs) seeds.insert(run.seed);
  }
  const std::size_t groups = comparison.groups.size();
  lines.push_back(fmt::format("{} run{} in {} group{}, {} seed{}", runs, runs == 1 ? "" : "s",
                              groups, groups == 1 ? "" : "s", seeds.size(),
                              seeds.size() == 1 ? "" : "s"));
  if (comparison.target) {
    lines.push_back(fmt::format(
        "target: {}; median [bootstrap 95 % interval], a miss counts as infinite; seconds of "
        "training, without evaluation, logging and saving",
        to_text(*comparison.target)));
  }
  if (groups < 2) return lines;
  std::string baseline = "baseline: " + comparison.groups[comparison.baseline].label;
  if (comparison.target) {
    baseline += "; ratios are medians / its median, below 1 is less" + pairing_note(comparison);
  }
  lines.push_back(baseline);
  add_claim_notes(comparison, lines);
  return lines;
}

enum class Align { left, right };

std::string padded(const std::string& text, std::size_t width, Align align) {
  const std::string space(width - std::min(width, length(text)), ' ');
  return align == Align::left ? text + space : space + text;
}

std::size_t width_of(const Column& column) {
  std::size_t width = 0;
  for (const std::string& cell : column) width = std::max(width, length(cell));
  return width;
}

// The first column, then those from `begin` to `end`.
std::string block(const std::vector<Column>& columns, std::size_t begin, std::size_t end) {
  std::string out;
  for (std::size_t row = 0; row < columns.front().size(); ++row) {
    std::string line = padded(columns.front()[row], width_of(columns.front()), Align::left);
    for (std::size_t i = begin; i < end; ++i) {
      line += "  " + padded(columns[i][row], width_of(columns[i]), Align::right);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

// Names of folders may hold any bytes.
std::string without_breaks(std::string text) {
  const auto breaks = [](char c) { return c == '\n' || c == '\r'; };
  std::replace_if(text.begin(), text.end(), breaks, ' ');
  return text;
}

}  // namespace

std::string to_text(const Comparison& comparison, std::size_t width) {
  std::string out;
  for (const std::string& line : notes(comparison)) out += line + "\n";
  out += "\n";
  Column labels =
      column(comparison, "group", [&](std::size_t i) { return comparison.groups[i].label; });
  if (width > 0 && width_of(labels) > width / 3) {
    for (std::size_t i = 0; i < comparison.groups.size(); ++i) {
      out += fmt::format("{}  {}\n", letter(i), comparison.groups[i].label);
      labels[i + 1] = letter(i);
    }
    out += "\n";
  }
  std::vector<Column> all = {labels};
  for (Column& each : columns(comparison)) all.push_back(std::move(each));
  std::size_t begin = 1;
  while (begin < all.size()) {
    std::size_t used = width_of(all.front());
    std::size_t end = begin;
    while (end < all.size() &&
           (width == 0 || end == begin || used + 2 + width_of(all[end]) <= width)) {
      used += 2 + width_of(all[end++]);
    }
    if (begin > 1) out += "\n";
    out += block(all, begin, end);
    begin = end;
  }
  return out;
}

std::string to_markdown(const Comparison& comparison) {
  std::vector<Column> all = {
      column(comparison, "group", [&](std::size_t i) { return comparison.groups[i].label; })};
  for (Column& each : columns(comparison)) all.push_back(std::move(each));
  std::string out;
  for (std::size_t row = 0; row < all.front().size(); ++row) {
    for (const Column& each : all) out += "| " + escaped(each[row]) + " ";
    out += "|\n";
    if (row > 0) continue;
    for (std::size_t i = 0; i < all.size(); ++i) out += i == 0 ? "|---" : "|---:";
    out += "|\n";
  }
  out += "\n";
  for (const std::string& line : notes(comparison)) out += "- " + line + "\n";
  for (const std::string& line : comparison.warnings) {
    out += "- warning: " + without_breaks(line) + "\n";
  }
  return out;
}

}  // namespace dropmuon
