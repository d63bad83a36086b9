// SPDX-License-Identifier: MIT
#include "progress.h"

#include <algorithm>
#include <cstdio>

#include <sys/ioctl.h>
#include <unistd.h>

#include "print.h"
#include <dropmuon/core/log.h>
#include <dropmuon/core/text.h>

namespace dropmuon {
namespace {

int terminal_width() {
  winsize size{};
  const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

std::string bar(double fraction, int width) {
  const int filled = static_cast<int>(fraction * width);
  return fmt::format("[{:=<{}}{:{}}]", "", filled, "", width - filled);
}

}  // namespace

void Progress::on_begin(const RunHeader& header) {
  header_ = header;
  terminal_ = verbosity_ == Verbosity::normal && draws_on_standard_error();
  begun_ = Clock::now();
  log::info("{}", header.device);
  log::info("{}", header.data);
  log::info("{}, batch {} in micro-batches of {}, {} steps ({} per epoch)", header.model,
            header.batch_size, header.micro_batch, header.total_steps, header.steps_per_epoch);
  // The one line on standard output: scripts take the folder from here.
  print(header.folder + "\n");
}

void Progress::on_step(std::int64_t steps_done) {
  constexpr std::chrono::milliseconds kRefresh(100);
  if (!terminal_ || Clock::now() - last_draw_ < kRefresh) return;
  // Training is being timed: a terminal that is held (Ctrl-S, a slow link) must not be waited for.
  if (can_write(STDERR_FILENO)) draw(steps_done);
}

void Progress::draw(std::int64_t steps_done) {
  last_draw_ = Clock::now();
  const double elapsed = std::chrono::duration<double>(last_draw_ - begun_).count();
  const double fraction = static_cast<double>(steps_done) /
                          static_cast<double>(std::max<std::int64_t>(header_.total_steps, 1));
  const auto here = static_cast<double>(steps_done - header_.steps_done);  // not before a resume
  const double rest =
      here > 0.0 ? elapsed * static_cast<double>(header_.total_steps - steps_done) / here : 0.0;
  const double rate =
      images_per_second_ > 0.0 ? images_per_second_ : here * header_.batch_size / elapsed;
  std::string line = fmt::format(" {}/{}  {:.0f} images/s  ETA {}", steps_done, header_.total_steps,
                                 rate, human_seconds(rest));
  if (running_loss_ > 0.0) line += fmt::format("  loss {:.4f}", running_loss_);
  const int room = std::clamp(terminal_width() - static_cast<int>(line.size()) - 4, 4, 40);
  line.insert(0, bar(fraction, room));
  line.resize(std::min(line.size(), static_cast<std::size_t>(terminal_width() - 1)));
  put(fmt::format("\r\x1b[2K{}", line));
  drawn_ = true;
}

// A terminal that went away must not end the run: its SIGHUP asks for that in an orderly way.
void Progress::put(const std::string& text) {
  if (std::fputs(text.c_str(), stderr) < 0 || std::fflush(stderr) != 0) terminal_ = false;
}

void Progress::clear() {
  if (drawn_) put("\r\x1b[2K");
  drawn_ = false;
}

void Progress::on_metrics(const MetricsRow& row) {
  if (row.has(Metric::images_per_second)) images_per_second_ = row[Metric::images_per_second];
  if (row.has(Metric::running_loss)) running_loss_ = row[Metric::running_loss];
  if (!row.has(Metric::test_accuracy)) return;
  clear();
  log::info(
      "step {:>6}  epoch {:>6.2f}  {:>8.2f} s  train loss {:.4f} acc {:.4f}  test loss {:.4f} acc "
      "{:.4f}  {:.0f} images/s",
      static_cast<std::int64_t>(row[Metric::step]), row[Metric::epoch], row[Metric::train_seconds],
      row[Metric::train_loss], row[Metric::train_accuracy], row[Metric::test_loss],
      row[Metric::test_accuracy], images_per_second_);
}

void Progress::on_pause(double seconds) {
  clear();
  log::info("stood still for {} (stopped or suspended); left out of the training time",
            human_seconds(seconds));
}

void Progress::on_end(const TrainResult& result) {
  clear();
  log::info("{} after {} steps, {} of training (forward {}, backward {}, optimizer {})",
            name_of(result.status), result.steps, human_seconds(result.last[Metric::train_seconds]),
            human_seconds(result.last[Metric::forward_seconds]),
            human_seconds(result.last[Metric::backward_seconds]),
            human_seconds(result.last[Metric::optimizer_seconds]));
  if (result.skipped_steps > 0) log::info("{} steps were left out", result.skipped_steps);
  if (result.target) {
    log::info("target reached at step {}, {} images, {:.2f} s of training", result.target->step,
              result.target->samples, result.target->seconds);
  }
}

}  // namespace dropmuon
