// SPDX-License-Identifier: MIT
#include "sweep_table.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <sys/ioctl.h>
#include <unistd.h>

#include "print.h"
#include <dropmuon/core/log.h>
#include <dropmuon/core/text.h>

namespace dropmuon {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Room for something to read; what is smaller is taken for a terminal that does not know its size.
TableStyle terminal_style(Colour colour) {
  TableStyle style{.colour = colour};
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0) return style;
  if (size.ws_col > 0) style.width = size.ws_col;
  if (size.ws_row > 0) style.height = size.ws_row;
  return style;
}

// Cut in the middle: cases differ at the beginning of a label, seeds at its end.
std::string shortened(const std::string& text, std::size_t width) {
  if (text.size() <= width) return text;
  if (width <= 4) return text.substr(0, width);
  const std::size_t tail = (width - 2) / 2;
  return text.substr(0, width - 2 - tail) + ".." + text.substr(text.size() - tail);
}

std::string coloured(std::string line, const std::string& part, const char* code) {
  const std::size_t found = line.find(part);
  if (found != std::string::npos) {
    line.replace(found, part.size(), fmt::format("\x1b[{}m{}\x1b[0m", code, part));
  }
  return line;
}

// The parts that fit, the first of them in any case.
std::string fitting(const std::vector<std::string>& parts, std::size_t width) {
  std::string line = parts.front();
  for (std::size_t i = 1; i < parts.size() && line.size() + parts[i].size() <= width; ++i) {
    line += parts[i];
  }
  return line.substr(0, width);
}

std::string totals(const SweepReport& report, const TableStyle& style) {
  const std::string failed = fmt::format("{} failed", report.count(JobState::failed));
  const std::string diverged = fmt::format("{} diverged", report.count(JobState::diverged));
  std::vector<std::string> parts = {
      fmt::format("{}/{} done", report.count(JobState::done), report.jobs.size())};
  if (report.count(JobState::failed) > 0) parts.push_back(", " + failed);
  if (report.count(JobState::diverged) > 0) parts.push_back(", " + diverged);
  if (report.count(JobState::left) > 0) {
    parts.push_back(fmt::format(", {} left to others", report.count(JobState::left)));
  }
  parts.push_back(fmt::format(", {} running", report.count(JobState::running)));
  parts.push_back(fmt::format(", {} waiting", report.count(JobState::waiting)));
  parts.push_back("  " + human_seconds(report.elapsed));
  if (report.left) parts.push_back(fmt::format(", about {} left", human_seconds(*report.left)));
  const std::string line = fitting(parts, style.width - 1);
  if (style.colour == Colour::no) return line;
  return coloured(coloured(line, failed, "31"), diverged, "33");
}

// Widths of what stands in a line: slot and spaces around the label, steps, accuracy.
constexpr std::size_t kSlot = 7;
constexpr std::size_t kSteps = 20;
constexpr std::size_t kAccuracy = 17;

// Long labels are cut to make room for accuracy and steps, as long as enough of them is left.
std::size_t label_room(std::size_t longest, std::size_t width) {
  const std::size_t room = width - kSlot;
  std::size_t label = room;
  if (room >= kSteps + 8) label = room - kSteps;
  if (room >= kSteps + kAccuracy + 16) label = room - kSteps - kAccuracy;
  return std::min(longest, label);
}

// The last columns go first where room is scarce.
std::string job_line(const JobReport& job, std::size_t label_width, std::size_t width) {
  std::string steps = fmt::format("epoch {:<14.2f}", job.epoch);
  if (job.total_steps > 0) {
    steps = fmt::format("{:>7}/{:<7} {:>3}%", job.step, job.total_steps,
                        100 * job.step / job.total_steps);
  }
  std::vector<std::string> parts = {
      fmt::format("{:>3}  {:<{}}  ", job.slot + 1, shortened(job.label, label_width), label_width),
      steps};
  parts.push_back(job.test_accuracy ? fmt::format("  accuracy {:.4f}", *job.test_accuracy)
                                    : std::string(kAccuracy, ' '));
  if (job.images_per_second) {
    parts.push_back(fmt::format("  {:>8.0f} images/s", *job.images_per_second));
  }
  std::string line = fitting(parts, width);
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

std::string outcome(const JobReport& job) {
  switch (job.state) {
    case JobState::running:
      return job.step > 0 ? fmt::format("  from step {}", job.step) : "";
    case JobState::done:
    case JobState::diverged:
    case JobState::stopped: {
      std::string text = fmt::format("  {}, step {}", human_seconds(job.seconds), job.step);
      if (job.test_accuracy) text += fmt::format(", test accuracy {:.4f}", *job.test_accuracy);
      return text;
    }
    case JobState::waiting:
    case JobState::failed:
    case JobState::left:
      return ": " + job.reason;
  }
  return "";
}

}  // namespace

std::vector<std::string> table_lines(const SweepReport& report, const TableStyle& style) {
  constexpr std::size_t kLeast = 20;  // a narrower terminal shows cut lines
  TableStyle room = style;
  room.width = std::max(style.width, kLeast);
  std::vector<const JobReport*> running;
  std::size_t longest = 0;
  for (const JobReport& job : report.jobs) {
    if (job.state != JobState::running) continue;
    running.push_back(&job);
    longest = std::max(longest, job.label.size());
  }
  std::sort(running.begin(), running.end(),
            [](const JobReport* a, const JobReport* b) { return a->slot < b->slot; });
  const std::size_t label_width = label_room(longest, room.width - 1);
  std::vector<std::string> lines = {totals(report, room)};
  const std::size_t shown = std::min(running.size(), std::max<std::size_t>(room.height, 4) - 3);
  for (std::size_t i = 0; i < shown; ++i) {
    lines.push_back(job_line(*running[i], label_width, room.width - 1));
  }
  if (shown < running.size()) {
    lines.push_back(fmt::format("     and {} more", running.size() - shown));
  }
  return lines;
}

std::string event_line(const SweepReport& report, const JobReport& job) {
  const std::string all = fmt::format("{}", report.jobs.size());
  const bool again = job.state == JobState::waiting && job.attempts > 0;
  const std::string word = job.state == JobState::running ? "started"
                           : again                        ? "again"
                                                          : name_of(job.state);
  return fmt::format("[{:>{}}/{}] {:<8}  {}{}", report.finished(), all.size(), all, word, job.label,
                     outcome(job));
}

SweepTable::SweepTable(Verbosity verbosity)
    : terminal_(verbosity == Verbosity::normal && draws_on_standard_error()),
      colour_(terminal_ && environment("NO_COLOR").empty() ? Colour::yes : Colour::no) {}

std::chrono::milliseconds SweepTable::tick() const {
  return std::chrono::milliseconds(terminal_ ? 250 : 0);
}

void SweepTable::on_begin(const SweepReport& report) {
  std::string line = fmt::format(
      "sweep {}: {} job{}, {} finished before, {} at a time", report.name, report.jobs.size(),
      report.jobs.size() == 1 ? "" : "s", report.finished(), report.slots);
  if (report.cpus_per_slot > 0) {
    line += fmt::format(" with {} CPU{} each", report.cpus_per_slot,
                        report.cpus_per_slot == 1 ? "" : "s");
  }
  log::info("{}", line);
}

void SweepTable::on_job(const SweepReport& report, const JobReport& job) {
  if (terminal_ && job.state == JobState::running) return;  // it is in the table
  clear();
  const std::string line = event_line(report, job);
  if (colour_ == Colour::no) {
    log::info("{}", line);
    return;
  }
  // Not by the log, which names control characters, those of colours as well.
  const bool good = job.state == JobState::done;
  const bool bad = job.state == JobState::failed;
  put(coloured(controls_named(line), name_of(job.state), good ? "32" : bad ? "31" : "33") + "\n");
}

void SweepTable::on_stopping(const SweepReport& report) {
  clear();
  const std::size_t running = report.count(JobState::running);
  log::info("stopping: {}; once more ends {} at once",
            running == 1 ? "1 running job saves its state"
                         : fmt::format("{} running jobs save their state", running),
            running == 1 ? "it" : "them");
}

void SweepTable::on_tick(const SweepReport& report) {
  if (!terminal_ || !can_write(STDERR_FILENO)) return;  // jobs end while nobody looks
  std::string text = erasure();
  const std::vector<std::string> lines = table_lines(report, terminal_style(colour_));
  for (const std::string& line : lines) text += line + "\n";
  put(text);
  drawn_ = lines.size();
}

// To the first line of the table, and away with all below.
std::string SweepTable::erasure() const {
  return drawn_ == 0 ? "" : fmt::format("\x1b[{}A\r\x1b[J", drawn_);
}

void SweepTable::clear() {
  if (drawn_ > 0) put(erasure());
  drawn_ = 0;
}

// A terminal that went away does not end the sweep: its SIGHUP asks for that in an orderly way.
void SweepTable::put(const std::string& text) {
  if (std::fputs(text.c_str(), stderr) < 0 || std::fflush(stderr) != 0) terminal_ = false;
}

}  // namespace dropmuon
